/**
 * Tells what has happened, in the order that loses nothing: conditions of the managers → Kubernetes Events → rotation
 * timer → CloudEvent → `announced` → the observe timer goes. Whoever finds `announced` behind tells again. No side effects.
 */
import { isDeepStrictEqual } from 'node:util';
import { isFinished, isLaunching, isRunning } from '../domain/backups.ts';
import { buildKubernetesEvent } from '../domain/build/kubernetes-event.ts';
import type { Command } from '../domain/commands.ts';
import { projectBackupCondition } from '../domain/conditions.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events.ts';
import { fieldManager, label } from '../domain/names.ts';
import type { PgBackup } from '../domain/resources.ts';
import { rotationTimer } from '../domain/observe-timer.ts';
import { timerName } from '../domain/timer.ts';
import type { Observation } from './observation.ts';
import { sourceOf } from './running.ts';
import { applyBackupStatus } from './step.ts';

/** Writes `conditions.backup` of every manager of the StatefulSet whose projection differs. */
export function conditionCommands(observation: Observation): Command[] {
  const unfinished = observation.open.filter((backup) => !isFinished(backup));
  return observation.managers.flatMap((manager): Command[] => {
    const stored = manager.status.conditions.backup;
    const backup = projectBackupCondition({ unfinished, history: observation.history }, stored);
    if (isDeepStrictEqual(backup, stored ?? {})) return [];
    return [
      {
        type: 'applyStatus',
        kind: 'PgManager',
        target: manager.metadata,
        fieldManager: fieldManager.backup,
        status: { conditions: { backup } },
      },
    ];
  });
}

/** PgBackups whose last transition has not been told. */
export function owedAnnouncements(observation: Observation): readonly PgBackup[] {
  return observation.open.filter((backup) => isFinished(backup) || owesStart(backup));
}

function owesStart(backup: PgBackup): boolean {
  return isRunning(backup) && !isLaunching(backup) && backup.status.announced === undefined;
}

/** Everything after the conditions, for one PgBackup. */
export function announceCommands(observation: Observation, backup: PgBackup): Command[] {
  const finished = isFinished(backup);
  const announced = finished ? backup.status.state : 'started';
  const { namespace, uid } = backup.metadata;
  const events = [
    ...(backup.status.startTime !== undefined && backup.status.announced === undefined ? [startedEvent(backup)] : []),
    ...(finished ? [finishedEvent(backup)] : []),
  ];
  return [
    ...kubernetesEvents(observation, backup),
    ...(backup.status.state === 'success' ? observation.managers.map(rotationTimer) : []),
    {
      type: 'post',
      events,
      then: [
        applyBackupStatus(backup, { ...backup.status, announced: announced as 'started' | 'success' | 'error' }),
        ...(finished ? [{ type: 'removeTimer' as const, namespace, name: timerName('backup', uid) }] : []),
      ],
    },
  ];
}

/** One on the PgBackup and one on each of its managers. */
function kubernetesEvents(observation: Observation, backup: PgBackup): Command[] {
  const { name, namespace, uid } = backup.metadata;
  const { state } = backup.status;
  const transition = state === 'success' ? 'succeeded' : state === 'error' ? 'failed' : 'started';
  const common = {
    type: state === 'error' ? ('Warning' as const) : ('Normal' as const),
    reason: { succeeded: 'BackupSucceeded', started: 'BackupStarted', failed: backup.status.reason ?? 'WalgError' }[
      transition
    ],
    message: backup.status.message ?? '',
    time: observation.now,
    reporter: 'backup',
  };
  const objects = [
    { object: { kind: 'PgBackup' as const, name, namespace, uid }, transition },
    ...observation.managers.map(({ metadata }) => ({
      object: { kind: 'PgManager' as const, name: metadata.name, namespace, uid: metadata.uid },
      transition: `${uid}-${transition}`,
    })),
  ];
  return objects.map((where) => ({
    type: 'recordEvent',
    event: buildKubernetesEvent({
      ...common,
      ...where,
      message: where.object.kind === 'PgManager' ? `${name}: ${common.message}` : common.message,
    }),
  }));
}

function startedEvent(backup: PgBackup): OwnEvent {
  return backupEvent(backup, { type: eventType.backupStarted, transition: 'started', state: 'running' });
}

function finishedEvent(backup: PgBackup): OwnEvent {
  return backup.status.state === 'success'
    ? backupEvent(backup, { type: eventType.backupSucceeded, transition: 'succeeded', state: 'success' })
    : backupEvent(backup, { type: eventType.backupFailed, transition: 'failed', state: 'error' });
}

function backupEvent(backup: PgBackup, what: { type: string; transition: string; state: string }): OwnEvent {
  const { name, namespace, uid } = backup.metadata;
  const { startTime, finishTime, reason, message, backup: stored } = backup.status;
  const ending =
    what.state === 'running' ? {} : { finishTime, reason, message: message?.split('\n', 1)[0], backup: stored };
  return {
    type: what.type,
    source: sourceOf(backup),
    id: `${uid}/${what.transition}`,
    subject: `pgbackup/${namespace}/${name}`,
    data: defined({
      namespace,
      name,
      uid,
      statefulSet: backup.spec.selector.name,
      manager: backup.metadata.labels[label.manager],
      state: what.state,
      startTime,
      ...ending,
    }),
  };
}
