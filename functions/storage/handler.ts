/** Settles what an event hints at: the first look at a new PgManager, or one page of the probe. */
import { objectHint, pageHint } from '../domain/hints.ts';
import type { Effects } from '../platform/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler } from '../platform/http.ts';
import { readManager } from '../platform/managers.ts';
import { beginWalk, goOn } from '../platform/pages.ts';
import type { Outcome } from '../platform/reconcile.ts';
import { createLooker, lookFor, subjectOf, type Looker } from './look.ts';
import { probeWalk } from './page.ts';

const nowhere: Outcome = { outcome: 'done', reason: 'PointsNowhere', message: 'the event names no object' };

/** Handler of PgManager add, probe ticks and probe pages. `scope` is the only namespace, or empty for all. */
export function createStorageHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const looker = createLooker(effects, clock, event.id);
    if (event['pgpurpose'] === 'probe') return beginWalk(probeWalk(looker, scope), event.id);
    const page = pageHint(event);
    if (page !== undefined) return goOn(probeWalk(looker, scope), page);
    const hint = objectHint(event);
    if (hint === undefined || (scope !== '' && hint.namespace !== scope)) return nowhere;
    return firstLook(looker, hint.namespace, hint.name);
  };
}

/** Every PgManager is added anew whenever the event source restarts; those that were looked at are left to the probe. */
async function firstLook(looker: Looker, namespace: string, name: string): Promise<Outcome> {
  const manager = await readManager(looker.effects, namespace, name);
  if (manager === undefined || manager.metadata.deletionTimestamp !== undefined) return nowhere;
  if (manager.status.conditions.storage !== undefined) {
    return { outcome: 'done', reason: 'LookedBefore', message: 'the next probe looks again' };
  }
  return lookFor(looker, subjectOf(manager), [manager]);
}
