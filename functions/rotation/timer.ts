/** The timer of a rotation that is due or runs. No side effects. */
import type { Command } from '../domain/commands/command.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { rotationTimer } from '../domain/commands/run-timers.ts';
import type { Observation } from './observation.ts';

/** Made or mended before anything is begun. */
export function runTimer(manager: PgManager): Command {
  return rotationTimer(manager, manager.status.conditions.backup?.lastSuccess?.finishTime);
}

/** Once an activation, unless it has just shown that it works. */
export function timerCommands({ firstRound, manager, ticked }: Observation): Command[] {
  return firstRound && !ticked ? [runTimer(manager)] : [];
}
