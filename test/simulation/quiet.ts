/**
 * What makes a quiet day cheap: a sweep or probe that would see exactly what the last one saw, and that one led to
 * nothing, is left out, but for one in 24.
 */
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { ReceivedEvent } from '../../functions/platform/serve/server.ts';
import type { Activation, Answer } from './functions.ts';
import { firstSlot } from './slot-check.ts';
import type { World } from './world.ts';

export interface Quiet {
  /** Whether this tick of sweep or probe is to be sent; ticks of timers always are. */
  wanted(purpose: string, id: string): boolean;
  delivered(event: ReceivedEvent): void;
  handled(activation: Activation, answer: Answer): void;
  /** All ticks are sent from now on. */
  watchful: boolean;
  /** Deliveries that neither sweep nor probe caused. */
  wakeUps(): number;
}

export function createQuiet(world: World): Quiet {
  /** Tick → what there was to see when it was sent. */
  const sights = new Map<string, string>();
  /** Purpose → what the last complete walk saw. */
  const clean = new Map<string, string>();
  let deliveries = 0;

  function sight(): string {
    return `${world.api.version()} ${world.changes} ${deliveries} ${slotsPassed(world)}`;
  }

  const quiet: Quiet = {
    watchful: false,
    wakeUps: () => deliveries,
    wanted(purpose, id) {
      if (purpose !== 'sweep' && purpose !== 'probe') return true;
      const seen = sight();
      if (!quiet.watchful && clean.get(purpose) === seen && !world.random.chance(1 / 24)) return false;
      sights.set(id, seen);
      return true;
    },
    delivered(event) {
      if (walkOf(event) === undefined) deliveries += 1;
    },
    handled({ event, pages }, answer) {
      const walk = walkOf(event);
      if (walk === undefined || answer !== 'done' || pages > 0) return;
      const seen = sights.get(walk.tick);
      if (seen !== undefined) clean.set(walk.purpose, seen);
    },
  };
  return quiet;
}

function walkOf(event: ReceivedEvent): { purpose: string; tick: string } | undefined {
  const purpose = event['pgpurpose'];
  if (purpose === 'sweep' || purpose === 'probe') return { purpose, tick: event.id };
  const [, walk] = /^pg\.aidbox\.(sweep|probe)\.page\.v1$/.exec(event.type) ?? [];
  if (walk === undefined) return undefined;
  return { purpose: walk, tick: (event.data as { tick?: string }).tick ?? '' };
}

/** Rises when a slot comes due. */
function slotsPassed(world: World): number {
  const now = world.scheduler.now() / 1000 + 10;
  let passed = 0;
  for (const manager of world.api.all('pgmanagers')) {
    const { at } = (manager['spec'] as PgManager['spec']).backup;
    passed += Math.floor((now - offsetOf(at)) / 86_400);
  }
  return passed;
}

const offsets = new Map<string, number>();

function offsetOf(at: string): number {
  let offset = offsets.get(at);
  if (offset === undefined) offsets.set(at, (offset = firstSlot(at, 0)));
  return offset;
}
