/** Settles what an event hints at: a look at one PgManager, or one page of the sweep. */
import { objectHint, pageHint } from '../domain/events/event-target.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler } from '../platform/serve/server.ts';
import { managersAfter } from '../platform/reconcile/previous-round.ts';
import { readManager } from '../platform/kubernetes/managers.ts';
import { beginWalk, goOn } from '../platform/reconcile/paging.ts';
import { look } from '../platform/reconcile/look.ts';
import type { Earlier, Outcome } from '../platform/reconcile/reconcile.ts';
import { decide, isSettled, type Observation } from './decide.ts';
import { gather, rivalsOf } from './gather.ts';
import { sweepWalk } from './sweep.ts';

const nowhere: Outcome = { outcome: 'done', reason: 'PointsNowhere', message: 'the event names no object' };

const nothingToSettle: Outcome = {
  outcome: 'done',
  reason: 'Settled',
  message: 'no change needed',
};

/** Mostly status writes of the other functions: several for each backup. */
const updated = 'dev.knative.apiserver.resource.update';

function showsSettled(data: unknown): boolean {
  const manager = PgManager.safeParse(data);
  return manager.success && isSettled(manager.data);
}

/** Handler of PgManager add and update, slot ticks, sweep ticks and sweep pages. `scope` is the only namespace, or empty for all. */
export function createScheduleHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  const settle = (manager: PgManager, ticked: boolean): Promise<Outcome> =>
    settleManager({ effects, clock, ticked }, manager);
  const sweep = sweepWalk(effects, scope, (manager) => settle(manager, false));
  return async (event) => {
    if (event['pgpurpose'] === 'sweep') return beginWalk(sweep, event.id);
    const page = pageHint(event);
    if (page !== undefined) return goOn(sweep, page);
    if (event.type === updated && showsSettled(event.data)) return nothingToSettle;
    const hint = objectHint(event);
    if (hint === undefined || (scope !== '' && hint.namespace !== scope)) return nowhere;
    const manager = await readManager(effects, hint.namespace, hint.name);
    return manager === undefined ? nowhere : settle(manager, event['pgpurpose'] === 'slot');
  };
}

interface Activation {
  readonly effects: Effects;
  readonly clock: Clock;
  /** The slot timer woke us. */
  readonly ticked: boolean;
}

/** Looks until nothing is left to do. The first round takes the manager as it was just read. */
async function settleManager({ effects, clock, ticked }: Activation, read: PgManager): Promise<Outcome> {
  const { name, namespace } = read.metadata;
  return look<Observation>(effects, clock, {
    object: `${namespace}/${name}`,
    async gather({ earlier, firstRound }) {
      const { manager, rivals } = firstRound ? { manager: read } : await readAgain(effects, read, earlier);
      if (manager === undefined || manager.metadata.deletionTimestamp !== undefined) return undefined;
      return gather(effects, manager, { ticked, rivals, afterConflict: !firstRound && earlier === undefined });
    },
    decide,
  });
}

interface Again {
  readonly manager: PgManager | undefined;
  readonly rivals?: readonly PgManager[];
}

/** As the round before left it. After one that only waited it is read, with what it needs when the slot has come. */
async function readAgain(effects: Effects, read: PgManager, earlier?: Earlier<Observation>): Promise<Again> {
  const { name, namespace, uid } = read.metadata;
  if (earlier === undefined) return { manager: await readManager(effects, namespace, name) };
  if (earlier.written.length > 0) return { manager: managersAfter([earlier.observation.manager], earlier)[0] };
  const rivals = await rivalsOf(effects, read);
  return { manager: rivals.find(({ metadata }) => metadata.uid === uid), rivals };
}
