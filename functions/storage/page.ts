/** The periodic probe: page by page over all PgManagers, each database of a page once. */
import { path } from '../domain/names.ts';
import { parseEach, PgManager } from '../domain/resources.ts';
import type { Walk } from '../platform/pages.ts';
import { skip } from '../platform/pods.ts';
import { lookFor, subjectOf, type Looker } from './look.ts';

/** Managers a page: two rounds of execs, which fit into one activation even when all of them time out. */
const pageSize = 50;
/** Each is a connection of its own through the API server. */
const execsAtOnce = 25;

export function probeWalk(looker: Looker, scope: string): Walk {
  return {
    effects: looker.effects,
    name: 'probe',
    pageSize,
    collections: [{ kind: 'PgManager', path: path.managers(scope), handle: (items) => probePage(looker, items) }],
  };
}

async function probePage(looker: Looker, items: readonly unknown[]): Promise<number> {
  const managers = parseEach(PgManager, items, skip(looker.effects.log)).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  const queue = Map.groupBy(managers, (manager) => JSON.stringify(subjectOf(manager))).values();
  // The workers share one iterator: each takes the next database when it is done with its last.
  await Promise.all(Array.from({ length: execsAtOnce }, () => work(looker, queue)));
  return managers.length;
}

async function work(looker: Looker, queue: Iterator<PgManager[]>): Promise<void> {
  for (let next = queue.next(); next.done !== true; next = queue.next()) await lookForGroup(looker, next.value);
}

/** One database that cannot be looked at must not stop the others of its page. */
async function lookForGroup(looker: Looker, managers: readonly PgManager[]): Promise<void> {
  const [first] = managers;
  if (first === undefined) return;
  const subject = subjectOf(first);
  const { log } = looker.effects;
  try {
    const outcome = await lookFor(looker, subject, managers);
    if (outcome.outcome === 'retry')
      log.warn('Probe not recorded', { ...subject, reason: outcome.reason, detail: outcome.message });
  } catch (error) {
    log.error('Probe not done', { ...subject, error: error instanceof Error ? error.message : String(error) });
  }
}
