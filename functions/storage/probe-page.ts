/** The periodic probe: page by page over all PgManagers, each database of a page once. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Paging } from '../platform/reconcile/paging.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';
import { subjectOf, type ProbedDatabase } from './finding.ts';

/** Probes a database once, for all of these managers. */
export type ProbeDatabase = (subject: ProbedDatabase, managers: readonly PgManager[]) => Promise<Outcome>;

/** Managers a page: two rounds of execs, which fit into one activation even when all of them time out. */
const pageSize = 50;
/** Each is a connection of its own through the API server. */
const execsAtOnce = 25;

export function probePaging(effects: Effects, scope: string, probeDatabase: ProbeDatabase): Paging {
  return {
    effects,
    name: 'probe',
    pageSize,
    collections: [
      { kind: 'PgManager', path: path.managers(scope), handle: (items) => probePage(effects, probeDatabase, items) },
    ],
  };
}

async function probePage(effects: Effects, probeDatabase: ProbeDatabase, items: readonly unknown[]): Promise<number> {
  const managers = parseEach(PgManager, items, logSkipped(effects.log)).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  const queue = Map.groupBy(managers, (manager) => JSON.stringify(subjectOf(manager))).values();
  // The workers share one iterator: each takes the next database when it is done with its last.
  async function work(): Promise<void> {
    for (const group of queue) await probeGroup(effects, probeDatabase, group);
  }
  await Promise.all(Array.from({ length: execsAtOnce }, work));
  return managers.length;
}

/** One database that cannot be probed must not stop the others of its page. */
async function probeGroup(
  { log }: Effects,
  probeDatabase: ProbeDatabase,
  managers: readonly PgManager[],
): Promise<void> {
  const [first] = managers;
  if (first === undefined) return;
  const subject = subjectOf(first);
  try {
    const outcome = await probeDatabase(subject, managers);
    if (outcome.outcome === 'retry')
      log.warn('Probe not recorded', { ...subject, reason: outcome.reason, detail: outcome.message });
  } catch (error) {
    log.error('Probe not done', { ...subject, error: error instanceof Error ? error.message : String(error) });
  }
}
