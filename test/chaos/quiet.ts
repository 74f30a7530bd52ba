/** Waits until a case has come to rest: nothing is unfinished, untold or running, and nothing changes any more. */
import { rotationIsDue } from '../../functions/domain/resources/manager-state.ts';
import type { RotationCondition } from '../../functions/domain/resources/pg-manager.ts';
import { eventually } from '../support/eventually.ts';
import { livingRuns } from './processes.ts';
import { patience, type Fixture } from './fixture.ts';
import { scenarios } from './scenarios.ts';

/** Nothing was written for so long (milliseconds). */
const restMs = 2_000;

/** The ending of the scenario; why it did not come to rest, in words, when it did not. */
export async function untilQuiet(fixture: Fixture): Promise<string> {
  let before = '';
  let since = performance.now();
  let obstacle = '';
  return eventually(
    'rest',
    () => {
      const ending = scenarios[fixture.function].ending(fixture);
      obstacle = ending === undefined ? 'the scenario has not ended' : (whatIsOpen(fixture) ?? '');
      const version = fixture.history.version(fixture.namespace);
      if (obstacle !== '' || version !== before) since = performance.now();
      before = version;
      return performance.now() - since >= restMs ? ending : undefined;
    },
    patience,
  ).catch(() => `no rest after ${patience} s: ${obstacle === '' ? 'something is written again and again' : obstacle}`);
}

/** Cheap looks first. */
function whatIsOpen(fixture: Fixture): string | undefined {
  return whatIsUntold(fixture) ?? whoIsAtWork(fixture);
}

function whatIsUntold({ history, namespace }: Fixture): string | undefined {
  const unfinished = history
    .backups(namespace)
    .find(({ deleted, status }) => !deleted && (status.finishTime === undefined || status.announced !== status.state));
  if (unfinished !== undefined) return `${unfinished.name} is ${unfinished.status.state ?? 'untouched'}`;
  const manager = history.manager(namespace);
  if (manager === undefined) return 'there is no manager';
  const { backup, rotation } = manager.status.conditions;
  if (backup?.running !== undefined) return `conditions.backup says that ${backup.running} is running`;
  if (rotationIsDue(manager) && !isLeftAlone(rotation)) return 'a rotation is owed';
  const timers = history.timers(namespace).filter((name) => !name.startsWith('aidboxops-slot-'));
  return timers.length > 0 ? `timers are left: ${timers.join(', ')}` : undefined;
}

/** A copy of an event may still be handled when nothing is open any more. */
function whoIsAtWork({ environment, prefix }: Fixture): string | undefined {
  const busy = environment.functions().find(({ requests }) => requests > 0);
  if (busy !== undefined) return `${busy.name} is at work`;
  const alive = livingRuns(prefix);
  return alive.length > 0 ? `processes are alive: ${alive.join(', ')}` : undefined;
}

/** A failed one is tried again ten minutes later: that is rest enough. */
function isLeftAlone(rotation: RotationCondition | undefined): boolean {
  return rotation?.status === 'error' && rotation.running === undefined && rotation.outbox === undefined;
}
