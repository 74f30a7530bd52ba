/** Settles what an event hints at: a look at one PgManager, or one page of the sweep. */
import { objectHint, pageHint } from '../domain/hints.ts';
import { PgManager } from '../domain/resources.ts';
import type { Effects } from '../platform/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler } from '../platform/http.ts';
import { managersAfter } from '../platform/earlier.ts';
import { readManager } from '../platform/managers.ts';
import { beginWalk, goOn } from '../platform/pages.ts';
import { look } from '../platform/look.ts';
import type { Earlier, Outcome } from '../platform/reconcile.ts';
import { decide, isSettled, type Observation } from './decide.ts';
import { gather } from './gather.ts';
import { sweepWalk } from './sweep.ts';

const nowhere: Outcome = { outcome: 'done', reason: 'PointsNowhere', message: 'the event names no object' };

const nothingToSettle: Outcome = {
  outcome: 'done',
  reason: 'Settled',
  message: 'nothing to settle in what the event shows',
};

/** Mostly status writes of the other functions: several for each backup. */
const updated = 'dev.knative.apiserver.resource.update';

function showsSettled(data: unknown): boolean {
  const manager = PgManager.safeParse(data);
  return manager.success && isSettled(manager.data);
}

/** Handler of PgManager add and update, slot ticks, sweep ticks and sweep pages. `scope` is the only namespace, or empty for all. */
export function createScheduleHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  const settle = (manager: PgManager): Promise<Outcome> => settleManager(effects, clock, manager);
  const sweep = sweepWalk(effects, scope, settle);
  return async (event) => {
    if (event['pgpurpose'] === 'sweep') return beginWalk(sweep, event.id);
    const page = pageHint(event);
    if (page !== undefined) return goOn(sweep, page);
    if (event.type === updated && showsSettled(event.data)) return nothingToSettle;
    const hint = objectHint(event);
    if (hint === undefined || (scope !== '' && hint.namespace !== scope)) return nowhere;
    const manager = await readManager(effects, hint.namespace, hint.name);
    return manager === undefined ? nowhere : settle(manager);
  };
}

/** Looks until nothing is left to do. The first round takes the manager as it was just read. */
async function settleManager(effects: Effects, clock: Clock, read: PgManager): Promise<Outcome> {
  const { name, namespace } = read.metadata;
  let fresh: PgManager | undefined = read;
  return look<Observation>(effects, clock, {
    object: `${namespace}/${name}`,
    async gather({ earlier, firstRound }) {
      const manager = fresh ?? written(earlier) ?? (await readManager(effects, namespace, name));
      fresh = undefined;
      if (manager === undefined || manager.metadata.deletionTimestamp !== undefined) return undefined;
      return gather(effects, manager, !firstRound && earlier === undefined);
    },
    decide,
  });
}

/** As the round before left it. After a round that only waited it is read, and with it what time it is. */
function written(earlier: Earlier<Observation> | undefined): PgManager | undefined {
  if (earlier === undefined || earlier.written.length === 0) return undefined;
  return managersAfter([earlier.observation.manager], earlier)[0];
}
