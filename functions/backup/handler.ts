/** Settles what an event hints at: a look at all unfinished PgBackups of one StatefulSet. */
import { isTold } from '../domain/resources/backup-state.ts';
import { objectHint, type ObjectHint } from '../domain/events/event-target.ts';
import { path } from '../domain/resources/api-paths.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { tickType } from '../domain/events/timer.ts';
import { apply, type Effects } from '../platform/reconcile/apply.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventHandler, ReceivedEvent } from '../platform/serve/server.ts';
import { look } from '../platform/reconcile/look.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';
import { decide, leftoverTimer } from './decide.ts';
import { gather, type Target } from './gather.ts';
import type { Observation } from './observation.ts';

/** Types of Knative's ApiServerSource begin so. */
const resourceEvents = 'dev.knative.apiserver.resource.';

const nowhere: Outcome = { outcome: 'done', reason: 'PointsNowhere', message: 'the event names no object' };

/** Handler of all events of the backup function: PgBackup add and delete, observe ticks, look hints. */
export function createBackupHandler(effects: Effects, clock: Clock, scope: string): EventHandler {
  return async (event) => {
    const hint = objectHint(event);
    if (hint === undefined || (scope !== '' && hint.namespace !== scope)) return nowhere;
    const target = await targetOf(effects, event, hint);
    if (target === undefined) return nowhere;
    return look<Observation>(effects, clock, {
      object: `${target.namespace}/${target.statefulSet}`,
      gather: (moment) => gather(effects, target, moment),
      decide,
    });
  };
}

/** The StatefulSet to look at. A tick whose PgBackup is long told comes from a timer that a crash left behind: it is removed. */
async function targetOf(effects: Effects, event: ReceivedEvent, hint: ObjectHint): Promise<Target | undefined> {
  const { namespace, statefulSet } = hint;
  if (event.type.startsWith(resourceEvents) && statefulSet !== undefined) {
    const deleted = event.type === `${resourceEvents}delete`;
    return { namespace, statefulSet, deleted, mayRun: deleted && hint.state !== 'success', ticked: false };
  }
  const ticked = event.type === tickType;
  const found = PgBackup.safeParse(await effects.kube.get(path.backup(namespace, hint.name)));
  if (!found.success)
    return statefulSet === undefined ? undefined : { namespace, statefulSet, deleted: true, mayRun: true, ticked };
  const { metadata, spec } = found.data;
  if (isTold(found.data)) {
    await apply(effects, [leftoverTimer(namespace, metadata.uid)]);
  }
  return { namespace, statefulSet: spec.selector.name, deleted: false, mayRun: false, ticked };
}
