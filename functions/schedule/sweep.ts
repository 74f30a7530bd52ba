/** The sweep: whatever an event, a timer or a crash has lost is found here within one interval. */
import { isAnnounced } from '../domain/resources/backup-state.ts';
import { backupRequest } from '../domain/commands/backup-request.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { requestError } from '../domain/request-error.ts';
import type { PageToken } from '../domain/events/event-target.ts';
import { path } from '../domain/resources/api-paths.ts';
import { rotationIsDue } from '../domain/resources/manager-state.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Paging } from '../platform/reconcile/paging.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';

/** Reconciles one manager: slots, status, timer. */
export type ReconcileManager = (manager: PgManager) => Promise<Outcome>;

/** Objects a page. Smaller than the API's default so that a page is done well within an activation. */
const pageSize = 200;

/** Reconciles managers, and requests to reconcile what is unfinished or not announced, because a timer that exists may still not fire. */
export function sweepPaging(effects: Effects, scope: string, reconcileManager: ReconcileManager): Paging {
  return {
    effects,
    name: 'sweep',
    pageSize,
    collections: [
      {
        kind: 'PgManager',
        path: path.managers(scope),
        handle: (items, token) => sweepManagers(effects, reconcileManager, { items, token }),
      },
      {
        kind: 'PgBackup',
        path: path.backups(scope),
        fieldSelector: 'status.announced!=success,status.announced!=error',
        handle: (items, token) => requestBackups(effects, { items, token }),
      },
    ],
  };
}

interface SweepPage {
  readonly items: readonly unknown[];
  readonly token: PageToken;
}

async function sweepManagers(
  effects: Effects,
  reconcileManager: ReconcileManager,
  { items, token }: SweepPage,
): Promise<number> {
  const managers = parseEach(PgManager, items, logSkipped(effects.log));
  for (const manager of managers) {
    await reconcileOne(effects, reconcileManager, manager);
    if (rotationIsDue(manager)) await postRequest(effects, token, reconcileRequest('rotation', manager, token.tick));
    for (const named of await namedBackups(effects, manager)) {
      await postRequest(effects, token, backupRequest(manager, named, token.tick));
    }
  }
  return managers.length;
}

/** One manager that cannot be reconciled must not stop the others of its page. */
async function reconcileOne(effects: Effects, reconcileManager: ReconcileManager, manager: PgManager): Promise<void> {
  const { name, namespace } = manager.metadata;
  try {
    const outcome = await reconcileManager(manager);
    if (outcome.outcome === 'retry')
      effects.log.warn('Manager not reconciled', { namespace, name, reason: outcome.reason, detail: outcome.message });
  } catch (error) {
    effects.log.error('Manager not reconciled', {
      namespace,
      name,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Posts one request for each StatefulSet with something unfinished or not announced. */
async function requestBackups(effects: Effects, { items, token }: SweepPage): Promise<number> {
  const backups = parseEach(PgBackup, items, logSkipped(effects.log));
  const seen = new Set<string>();
  for (const backup of backups.filter((candidate) => !isAnnounced(candidate))) {
    const key = `${backup.metadata.namespace}/${backup.spec.selector.name}`;
    if (!seen.has(key)) await postRequest(effects, token, reconcileRequest('backup', backup, token.tick));
    seen.add(key);
  }
  return backups.length;
}

async function postRequest(effects: Effects, token: PageToken, event: OwnEvent): Promise<void> {
  try {
    await effects.sink.post(event);
  } catch (error) {
    if (!requestError.is(error)) throw error;
    effects.log.warn('Request to reconcile not accepted by the sink', {
      tick: token.tick,
      id: event.id,
      error: error.message,
    });
  }
}

/**
 * Lists the PgBackups that a condition names and that may be gone. Whoever deletes a running PgBackup leaves its name behind
 * when the delete event is lost and wal-g ends before a probe finds it. A suspended manager gets no next backup that would
 * correct its newest success, so this one is read.
 */
async function namedBackups(
  effects: Effects,
  manager: PgManager,
): Promise<{ readonly name: string; readonly uid: string }[]> {
  const { running, lastSuccess } = manager.status.conditions.backup ?? {};
  const named = running === undefined ? [] : [{ name: running, uid: manager.metadata.uid }];
  if (lastSuccess === undefined || !manager.spec.backup.suspend) return named;
  const stored = PgBackup.safeParse(await effects.kube.get(path.backup(manager.metadata.namespace, lastSuccess.name)));
  return stored.success && stored.data.metadata.uid === lastSuccess.uid
    ? named
    : [...named, { name: lastSuccess.uid, uid: lastSuccess.uid }];
}

function reconcileRequest(purpose: 'backup' | 'rotation', object: PgBackup | PgManager, tick: string): OwnEvent {
  const { name, namespace, uid } = object.metadata;
  return {
    type: eventType.reconcileRequested,
    source: purpose === 'backup' ? path.backup(namespace, name) : path.manager(namespace, name),
    id: `${tick}/${purpose}/${uid}`,
    subject: `${object.kind.toLowerCase()}/${namespace}/${name}`,
    extensions: { pgpurpose: purpose },
    data: { namespace, name, purpose, statefulSet: object.spec.selector.name },
  };
}
