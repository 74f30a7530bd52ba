/** Settles what an event hints at: a look at the rotation of one PgManager, or of all with a StatefulSet's selector. */
import { eventType } from '../domain/events/cloud-event.ts';
import { objectHint, type ObjectHint } from '../domain/events/event-target.ts';
import { tickType } from '../domain/events/timer.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler, ReceivedEvent } from '../platform/serve/server.ts';
import { look } from '../platform/reconcile/look.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';
import { decide } from './decide.ts';
import { gather, managersOf, type Target } from './gather.ts';
import type { Observation } from './observation.ts';

const nowhere: Outcome = { outcome: 'done', reason: 'PointsNowhere', message: 'the event names no object' };

/** Handler of all events of the rotation function: successful backups, timer ticks, look hints. */
export function createRotationHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const hint = objectHint(event);
    if (hint === undefined || (scope !== '' && hint.namespace !== scope)) return nowhere;
    const outcomes: Outcome[] = [];
    for (const target of await targetsOf(effects, event, hint)) {
      outcomes.push(
        await look<Observation>(effects, clock, {
          object: `${target.namespace}/${target.name}`,
          gather: (moment) => gather(effects, target, moment),
          decide,
        }),
      );
    }
    return outcomes.find(({ outcome }) => outcome === 'retry') ?? outcomes.at(-1) ?? nowhere;
  };
}

/** A successful backup concerns every manager of its StatefulSet; anything else names one manager. */
async function targetsOf(effects: Effects, event: ReceivedEvent, hint: ObjectHint): Promise<Target[]> {
  const { namespace, name, statefulSet } = hint;
  if (event.type !== eventType.backupSucceeded) return [{ namespace, name, ticked: event.type === tickType }];
  if (statefulSet === undefined) return [];
  const managers = await managersOf(effects, namespace, statefulSet);
  return managers.map(({ metadata }) => ({ namespace, name: metadata.name, managers, ticked: false }));
}
