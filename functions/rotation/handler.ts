/** Reconciles what an event refers to: the rotation of one PgManager, or of all with a StatefulSet's selector. */
import { eventType } from '../domain/events/cloud-event.ts';
import { eventTargetOf, type EventTarget } from '../domain/events/event-target.ts';
import { tickType } from '../domain/events/timer.ts';
import { listManagers } from '../platform/kubernetes/read.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler, ReceivedEvent } from '../platform/serve/server.ts';
import { reconcile, type Outcome } from '../platform/reconcile/reconcile.ts';
import { decide } from './decide.ts';
import { gather, type ManagerTarget } from './gather.ts';
import type { Observation } from './observation.ts';

const ignored: Outcome = { outcome: 'done', reason: 'Ignored', message: 'the event names no object' };

/** Handles all events of the rotation function: successful backups, timer ticks, requests to reconcile. */
export function createRotationHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const eventTarget = eventTargetOf(event);
    if (eventTarget === undefined || (scope !== '' && eventTarget.namespace !== scope)) return ignored;
    const outcomes: Outcome[] = [];
    for (const target of await targetsOf(effects, event, eventTarget)) {
      outcomes.push(
        await reconcile<Observation>(effects, clock, {
          object: `${target.namespace}/${target.name}`,
          gather: (round) => gather(effects, target, round),
          decide,
        }),
      );
    }
    return outcomes.find(({ outcome }) => outcome === 'retry') ?? outcomes.at(-1) ?? ignored;
  };
}

/** A successful backup concerns every manager of its StatefulSet; anything else names one manager. */
async function targetsOf(effects: Effects, event: ReceivedEvent, eventTarget: EventTarget): Promise<ManagerTarget[]> {
  const { namespace, name, statefulSet } = eventTarget;
  if (event.type !== eventType.backupSucceeded) return [{ namespace, name, ticked: event.type === tickType }];
  if (statefulSet === undefined) return [];
  const managers = await listManagers(effects, { namespace, statefulSet });
  return managers.map(({ metadata }) => ({ namespace, name: metadata.name, managers, ticked: false }));
}
