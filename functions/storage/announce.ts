/** Announces changes of the storage condition: Kubernetes Events, CloudEvents, then `announced`. No side effects. */
import type { Command, Decision } from '../domain/commands/command.ts';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { path } from '../domain/resources/api-paths.ts';
import { type OwnEvent, eventType } from '../domain/events/cloud-event.ts';
import type { PgManager, StorageCondition } from '../domain/resources/pg-manager.ts';
import { parseTime, type UnixSeconds } from '../domain/time.ts';
import { pendingChanges, changeKey, type Change } from './changes.ts';
import { fieldManager } from '../domain/resources/names.ts';

/** Kubernetes Events → CloudEvents → `announced`. When it is behind, announces again under the same ids. */
export function announce(manager: PgManager, now: UnixSeconds): Decision {
  const stored = manager.status.conditions.storage;
  const pending = stored === undefined ? [] : pendingChanges(stored);
  const last = pending.at(-1);
  if (stored === undefined || last === undefined) {
    return { commands: [], next: 'done', reason: 'UpToDate', message: stored?.message ?? '' };
  }
  return {
    commands: [
      ...pending.map((change) => recordChange(manager, change, now)),
      {
        type: 'post',
        events: pending.map((change) => changeEvent(manager, change)),
        then: [applyStorage(manager, { ...stored, announced: changeKey(last) })],
      },
    ],
    next: 'again',
    reason: 'StorageChanged',
    message: messageOf(manager, last),
  };
}

export function recordChange(manager: PgManager, change: Change, now: UnixSeconds): Command {
  const { name, namespace, uid } = manager.metadata;
  const available = change.state === 'available';
  return {
    type: 'recordEvent',
    event: buildKubernetesEvent({
      object: { kind: 'PgManager', name, namespace, uid },
      transition: `storage-${change.state}-${parseTime(change.since) ?? 0}`,
      type: available ? 'Normal' : 'Warning',
      reason: available ? 'StorageAvailable' : 'StorageUnavailable',
      message: messageOf(manager, change),
      time: now,
      reporter: 'storage',
    }),
  };
}

export function changeEvent(manager: PgManager, change: Change): OwnEvent {
  const { name, namespace, uid } = manager.metadata;
  const available = change.state === 'available';
  return {
    type: available ? eventType.storageAvailable : eventType.storageUnavailable,
    source: path.manager(namespace, name),
    id: `${uid}/storage/${changeKey(change)}`,
    subject: `pgmanager/${namespace}/${name}`,
    data: {
      namespace,
      name,
      uid,
      statefulSet: manager.spec.selector.name,
      state: change.state,
      since: change.since,
      message: messageOf(manager, change),
    },
  };
}

/** What is known of a change that was overtaken is only what and when. */
export function messageOf(manager: PgManager, { state, since }: Change): string {
  const stored = manager.status.conditions.storage;
  if (stored?.message !== undefined && stored.state === state && stored.since === since) return stored.message;
  return `${state} since ${since}`;
}

export function applyStorage(manager: PgManager, storage: StorageCondition): Command {
  return {
    type: 'applyStatus',
    kind: 'PgManager',
    target: manager.metadata,
    fieldManager: fieldManager.storage,
    status: { conditions: { storage } },
  };
}
