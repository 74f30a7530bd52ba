/** Reconciles what an event refers to: one PgManager, or one page of the sweep. */
import { eventTargetOf, pageTokenOf } from '../domain/events/event-target.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler } from '../platform/serve/server.ts';
import { managersAfter } from '../platform/reconcile/previous-round.ts';
import { readManager } from '../platform/kubernetes/read.ts';
import { beginPaging, continuePaging } from '../platform/reconcile/paging.ts';
import { reconcile, type Outcome, type PreviousRound } from '../platform/reconcile/reconcile.ts';
import { decide, needsNoWork } from './decide.ts';
import { type Observation } from './observation.ts';
import { gather, managersWithSelectorOf } from './gather.ts';
import { sweepPaging } from './sweep.ts';

const ignored: Outcome = { outcome: 'done', reason: 'Ignored', message: 'the event names no object' };

const noWork: Outcome = {
  outcome: 'done',
  reason: 'NoWork',
  message: 'no change needed',
};

/** Mostly status writes of the other functions: several for each backup. */
const updated = 'dev.knative.apiserver.resource.update';

function showsNoWork(data: unknown): boolean {
  const manager = PgManager.safeParse(data);
  return manager.success && needsNoWork(manager.data);
}

/** Handler of PgManager add and update, slot ticks, sweep ticks and sweep pages. `scope` is the only namespace, or empty for all. */
export function createScheduleHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  const reconcileOne = (manager: PgManager, ticked: boolean): Promise<Outcome> =>
    reconcileManager({ effects, clock, ticked }, manager);
  const sweep = sweepPaging(effects, scope, (manager) => reconcileOne(manager, false));
  return async (event) => {
    if (event['pgpurpose'] === 'sweep') return beginPaging(sweep, event.id);
    const page = pageTokenOf(event);
    if (page !== undefined) return continuePaging(sweep, page);
    if (event.type === updated && showsNoWork(event.data)) return noWork;
    const eventTarget = eventTargetOf(event);
    if (eventTarget === undefined || (scope !== '' && eventTarget.namespace !== scope)) return ignored;
    const manager = await readManager(effects, eventTarget.namespace, eventTarget.name);
    return manager === undefined ? ignored : reconcileOne(manager, event['pgpurpose'] === 'slot');
  };
}

interface Activation {
  readonly effects: Effects;
  readonly clock: Clock;
  /** The slot timer woke us. */
  readonly ticked: boolean;
}

/** Reconciles until nothing is left to do. The first round takes the manager as it was just read. */
async function reconcileManager({ effects, clock, ticked }: Activation, read: PgManager): Promise<Outcome> {
  const { name, namespace } = read.metadata;
  return reconcile<Observation>(effects, clock, {
    object: `${namespace}/${name}`,
    async gather({ previous, firstRound }) {
      const { manager, sameSelector } = firstRound ? { manager: read } : await readAgain(effects, read, previous);
      if (manager === undefined || manager.metadata.deletionTimestamp !== undefined) return undefined;
      return gather(effects, manager, { ticked, sameSelector, afterConflict: !firstRound && previous === undefined });
    },
    decide,
  });
}

interface Again {
  readonly manager: PgManager | undefined;
  readonly sameSelector?: readonly PgManager[];
}

/** As the round before left it. After one that only waited it is read, with what it needs when the slot has come. */
async function readAgain(effects: Effects, read: PgManager, previous?: PreviousRound<Observation>): Promise<Again> {
  const { name, namespace, uid } = read.metadata;
  if (previous === undefined) return { manager: await readManager(effects, namespace, name) };
  if (previous.written.length > 0) return { manager: managersAfter([previous.observation.manager], previous)[0] };
  const sameSelector = await managersWithSelectorOf(effects, read);
  return { manager: sameSelector.find(({ metadata }) => metadata.uid === uid), sameSelector };
}
