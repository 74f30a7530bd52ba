/** Handles an event: the first probe for a new PgManager, or one page of the probe. */
import { isDeepStrictEqual } from 'node:util';
import { eventTargetOf, pageTokenOf } from '../domain/events/event-target.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { apply, type Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler } from '../platform/serve/server.ts';
import { withDeadline } from '../platform/run/deadline.ts';
import { serverNow } from '../platform/kubernetes/client.ts';
import { readManager } from '../platform/kubernetes/read.ts';
import { beginPaging, continuePaging } from '../platform/reconcile/paging.ts';
import { reconcile, type Outcome } from '../platform/reconcile/reconcile.ts';
import { decide, orphanRequest } from './decide.ts';
import { type Observation } from './observation.ts';
import { subjectOf } from './finding.ts';
import { probeStorage } from './gather.ts';
import { judge, type Verdict } from './checks.ts';
import { probePaging, type ProbeDatabase } from './probe-page.ts';

const ignored: Outcome = { outcome: 'done', reason: 'Ignored', message: 'the event names no object' };

/** Handler of PgManager add, probe ticks and probe pages. `scope` is the only namespace, or empty for all. */
export function createStorageHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const probe = createProbe({ ...effects, runner: withDeadline(effects.runner, clock) }, clock, event.id);
    const paging = probePaging(effects, scope, probe);
    if (event['pgpurpose'] === 'probe') return beginPaging(paging, event.id);
    const page = pageTokenOf(event);
    if (page !== undefined) return continuePaging(paging, page);
    const eventTarget = eventTargetOf(event);
    if (eventTarget === undefined || (scope !== '' && eventTarget.namespace !== scope)) return ignored;
    const manager = await readManager(effects, eventTarget.namespace, eventTarget.name);
    return manager === undefined ? ignored : firstProbe(probe, manager);
  };
}

/** Every PgManager is added anew whenever the event source restarts; those that were probed before are left to the next probe. */
async function firstProbe(probe: ProbeDatabase, manager: PgManager): Promise<Outcome> {
  if (manager.metadata.deletionTimestamp !== undefined) return ignored;
  if (manager.status.conditions.storage !== undefined) {
    return { outcome: 'done', reason: 'ProbedBefore', message: 'left to the next probe' };
  }
  return probe(subjectOf(manager), [manager]);
}

/** One probe, recorded with each manager; ends as the worst recording. `cause` is the id of the event that is handled. */
function createProbe(effects: Effects, clock: Clock, cause: string): ProbeDatabase {
  return async (subject, managers) => {
    const finding = await probeStorage(effects, subject);
    if (finding.orphan !== undefined)
      effects.log.warn('Lock held by a run that nothing answers for', { ...subject, run: finding.orphan.id });
    await apply(effects, orphanRequest(finding, cause));
    const verdict = judge(finding);
    let worst: Outcome = { outcome: 'done', reason: 'Probed', message: verdict.fact };
    for (const manager of managers) {
      const outcome = await record({ effects, clock }, manager, verdict);
      if (outcome.outcome === 'retry') worst = outcome;
    }
    return worst;
  };
}

/**
 * A verdict counts only against the condition that was read before the probe. When somebody else has recorded one meanwhile,
 * as for an event that came twice, it is dropped, so that one failure never counts twice.
 */
async function record(
  { effects, clock }: { readonly effects: Effects; readonly clock: Clock },
  read: PgManager,
  verdict: Verdict,
): Promise<Outcome> {
  const { name, namespace, uid } = read.metadata;
  const before = read.status.conditions.storage;
  let fresh: PgManager | undefined = read;
  return reconcile<Observation>(effects, clock, {
    object: `${namespace}/${name}`,
    async gather() {
      const manager = fresh ?? (await readManager(effects, namespace, name));
      fresh = undefined;
      if (manager?.metadata.uid !== uid || manager.metadata.deletionTimestamp !== undefined) return undefined;
      const counts = isDeepStrictEqual(manager.status.conditions.storage, before);
      return { now: serverNow(effects.kube), manager, verdict: counts ? verdict : undefined };
    },
    decide,
  });
}
