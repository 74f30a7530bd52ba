/** The periodic probe: page by page over all PgManagers, each database of a page once. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Walk } from '../platform/reconcile/paging.ts';
import { skip } from '../platform/run/database-pods.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';
import { subjectOf, type Subject } from './finding.ts';

/** Looks at a database once, for all of these managers. */
export type Look = (subject: Subject, managers: readonly PgManager[]) => Promise<Outcome>;

/** Managers a page: two rounds of execs, which fit into one activation even when all of them time out. */
const pageSize = 50;
/** Each is a connection of its own through the API server. */
const execsAtOnce = 25;

export function probeWalk(effects: Effects, scope: string, look: Look): Walk {
  return {
    effects,
    name: 'probe',
    pageSize,
    collections: [
      { kind: 'PgManager', path: path.managers(scope), handle: (items) => probePage(effects, look, items) },
    ],
  };
}

async function probePage(effects: Effects, look: Look, items: readonly unknown[]): Promise<number> {
  const managers = parseEach(PgManager, items, skip(effects.log)).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  const queue = Map.groupBy(managers, (manager) => JSON.stringify(subjectOf(manager))).values();
  // The workers share one iterator: each takes the next database when it is done with its last.
  async function work(): Promise<void> {
    for (const group of queue) await lookForGroup(effects, look, group);
  }
  await Promise.all(Array.from({ length: execsAtOnce }, work));
  return managers.length;
}

/** One database that cannot be looked at must not stop the others of its page. */
async function lookForGroup({ log }: Effects, look: Look, managers: readonly PgManager[]): Promise<void> {
  const [first] = managers;
  if (first === undefined) return;
  const subject = subjectOf(first);
  try {
    const outcome = await look(subject, managers);
    if (outcome.outcome === 'retry')
      log.warn('Probe not recorded', { ...subject, reason: outcome.reason, detail: outcome.message });
  } catch (error) {
    log.error('Probe not done', { ...subject, error: error instanceof Error ? error.message : String(error) });
  }
}
