/** Reconciles what an event refers to: all unfinished PgBackups of one StatefulSet. */
import { isAnnounced } from '../domain/resources/backup-state.ts';
import { eventTargetOf, type EventTarget } from '../domain/events/event-target.ts';
import { path } from '../domain/resources/api-paths.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { tickType } from '../domain/events/timer.ts';
import { apply, type Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler, ReceivedEvent } from '../platform/serve/server.ts';
import { reconcile, type Outcome } from '../platform/reconcile/reconcile.ts';
import { decide, leftoverTimer } from './decide.ts';
import { gather, type StatefulSetTarget } from './gather.ts';
import type { Observation } from './observation.ts';

/** Types of Knative's ApiServerSource begin so. */
const resourceEvents = 'dev.knative.apiserver.resource.';

const ignored: Outcome = { outcome: 'done', reason: 'Ignored', message: 'the event names no object' };

/** Handles all events of the backup function: PgBackup add and delete, observe ticks, requests to reconcile. */
export function createBackupHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const eventTarget = eventTargetOf(event);
    if (eventTarget === undefined || (scope !== '' && eventTarget.namespace !== scope)) return ignored;
    const target = await statefulSetTargetOf(effects, event, eventTarget);
    if (target === undefined) return ignored;
    return reconcile<Observation>(effects, clock, {
      object: `${target.namespace}/${target.statefulSet}`,
      gather: (round) => gather(effects, target, round),
      decide,
    });
  };
}

/** Returns the StatefulSet to reconcile. When the PgBackup of a tick is announced, a crash left the timer behind: removes it. */
async function statefulSetTargetOf(
  effects: Effects,
  event: ReceivedEvent,
  eventTarget: EventTarget,
): Promise<StatefulSetTarget | undefined> {
  const { namespace, statefulSet } = eventTarget;
  if (event.type.startsWith(resourceEvents) && statefulSet !== undefined) {
    const deleted = event.type === `${resourceEvents}delete`;
    return { namespace, statefulSet, deleted, mayRun: deleted && eventTarget.state !== 'success', ticked: false };
  }
  const ticked = event.type === tickType;
  const found = PgBackup.safeParse(await effects.kube.get(path.backup(namespace, eventTarget.name)));
  if (!found.success)
    return statefulSet === undefined ? undefined : { namespace, statefulSet, deleted: true, mayRun: true, ticked };
  const { metadata, spec } = found.data;
  if (isAnnounced(found.data)) {
    await apply(effects, [leftoverTimer(namespace, metadata.uid)]);
  }
  return { namespace, statefulSet: spec.selector.name, deleted: false, mayRun: false, ticked };
}
