/**
 * Announces transitions in the order that loses nothing: conditions of the managers → Kubernetes Events → rotation timer →
 * CloudEvent → `announced` → the observe timer is removed. If `announced` is behind `state`, announces again. No side effects.
 */
import { isDeepStrictEqual } from 'node:util';
import { isFinished, isLaunching, isRunning } from '../domain/resources/backup-state.ts';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import type { Command } from '../domain/commands/command.ts';
import { projectBackupCondition } from './condition.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { apiPathOf } from '../domain/resources/api-paths.ts';
import { actingManager, isInConflict } from '../domain/resources/manager-state.ts';
import { fieldManager, label } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { rotationTimer } from '../domain/commands/run-timers.ts';
import { parseTime, type UnixSeconds } from '../domain/time.ts';
import { timerName } from '../domain/events/timer.ts';
import { runningSince } from './outcome.ts';
import type { Observation } from './observation.ts';
import { applyBackupStatus } from './transition.ts';

/** Writes `conditions.backup` of every manager of the StatefulSet whose projection differs. */
export function conditionCommands(observation: Observation): Command[] {
  const { managers, history } = observation;
  const unfinished = observation.open.filter((backup) => !isFinished(backup));
  return managers.flatMap((manager): Command[] => {
    const stored = manager.status.conditions.backup;
    const backup = projectBackupCondition(
      { unfinished, history, actingInstead: actingInstead(manager, managers) },
      stored,
    );
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

function actingInstead(manager: PgManager, managers: readonly PgManager[]): string | undefined {
  return isInConflict(manager, managers) ? actingManager(managers)?.metadata.name : undefined;
}

/** Lists the PgBackups whose last transition is not announced yet. */
export function pendingAnnouncements(observation: Observation): readonly PgBackup[] {
  return observation.open.filter((backup) => isFinished(backup) || startIsPending(backup));
}

function startIsPending(backup: PgBackup): boolean {
  return isRunning(backup) && !isLaunching(backup) && backup.status.announced === undefined;
}

/** Everything after the conditions, for one PgBackup. */
export function announceCommands(observation: Observation, backup: PgBackup): Command[] {
  const finished = isFinished(backup);
  const announced = finished ? backup.status.state : 'started';
  const { namespace, uid } = backup.metadata;
  const pending = pendingOf(observation, backup);
  return [
    ...[...pending, ...suspicionOf(observation, backup)].flatMap((transition) =>
      kubernetesEvents(observation, backup, transition),
    ),
    ...(backup.status.state === 'success'
      ? observation.managers.map((manager) => rotationTimer(manager, backup.status.finishTime))
      : []),
    {
      type: 'post',
      events: pending.map((transition) => cloudEvent(backup, transition)),
      then: [
        applyBackupStatus(backup, { ...backup.status, announced: announced as 'started' | 'success' | 'error' }),
        ...(finished ? [{ type: 'removeTimer' as const, namespace, name: timerName('backup', uid) }] : []),
      ],
    },
  ];
}

/** One transition of a PgBackup, as both kinds of events announce it. */
interface BackupAnnouncement {
  /** Part of the id and name of its events. */
  readonly name: 'started' | 'succeeded' | 'failed';
  readonly cloudEventType: string;
  readonly state: 'running' | 'success' | 'error';
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly time: UnixSeconds;
}

/** Lists what to announce. A run may have ended before its start was announced: then both are announced now, in their order. */
function pendingOf({ now }: Observation, backup: PgBackup): BackupAnnouncement[] {
  const { announced, startTime } = backup.status;
  const started = startTime !== undefined && announced === undefined ? [startOf(backup, startTime, now)] : [];
  return isFinished(backup) ? [...started, endOf(backup, now)] : started;
}

function startOf({ status }: PgBackup, startTime: string, now: UnixSeconds): BackupAnnouncement {
  return {
    name: 'started',
    cloudEventType: eventType.backupStarted,
    state: 'running',
    type: 'Normal',
    reason: 'BackupStarted',
    message: runningSince(status.executor?.pod ?? 'the pod', startTime),
    time: Math.min(parseTime(startTime) ?? now, now),
  };
}

function endOf({ status }: PgBackup, now: UnixSeconds): BackupAnnouncement {
  const common = { message: status.message ?? '', time: now };
  return status.state === 'success'
    ? {
        ...common,
        name: 'succeeded',
        cloudEventType: eventType.backupSucceeded,
        state: 'success',
        type: 'Normal',
        reason: 'BackupSucceeded',
      }
    : {
        ...common,
        name: 'failed',
        cloudEventType: eventType.backupFailed,
        state: 'error',
        type: 'Warning',
        reason: status.reason ?? 'WalgError',
      };
}

type Announced = Pick<BackupAnnouncement, 'type' | 'reason' | 'message' | 'time'> & { readonly name: string };

/** Pages that wal-g suspects do not fail a backup, and nobody reads the message of a success. */
function suspicionOf({ now }: Observation, { status }: PgBackup): Announced[] {
  if (status.state !== 'success' || status.backup?.suspectPages === undefined) return [];
  const message = status.message?.split('\n', 1)[0] ?? '';
  return [{ name: 'suspect-pages', type: 'Warning', reason: 'SuspectPages', message, time: now }];
}

/** One on the PgBackup and one on each of its managers. */
function kubernetesEvents({ managers }: Observation, backup: PgBackup, transition: Announced): Command[] {
  const { name, namespace, uid } = backup.metadata;
  const { message, reason, time, type } = transition;
  const common = { type, reason, time, reporter: 'backup' };
  return [
    {
      type: 'recordEvent',
      event: buildKubernetesEvent({
        ...common,
        object: { kind: 'PgBackup', name, namespace, uid },
        transition: transition.name,
        message,
      }),
    },
    ...managers.map(({ metadata }): Command => ({
      type: 'recordEvent',
      event: buildKubernetesEvent({
        ...common,
        object: { kind: 'PgManager', name: metadata.name, namespace, uid: metadata.uid },
        transition: `${uid}-${transition.name}`,
        message: `${name}: ${message}`,
      }),
    })),
  ];
}

function cloudEvent(backup: PgBackup, transition: BackupAnnouncement): OwnEvent {
  const { name, namespace, uid } = backup.metadata;
  const { startTime, finishTime, reason, message, backup: stored } = backup.status;
  const ending =
    transition.name === 'started' ? {} : { finishTime, reason, message: message?.split('\n', 1)[0], backup: stored };
  return {
    type: transition.cloudEventType,
    source: apiPathOf(backup),
    id: `${uid}/${transition.name}`,
    subject: `pgbackup/${namespace}/${name}`,
    data: defined({
      namespace,
      name,
      uid,
      statefulSet: backup.spec.selector.name,
      manager: backup.metadata.labels[label.manager],
      state: transition.state,
      startTime,
      ...ending,
    }),
  };
}
