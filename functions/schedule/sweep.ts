/** The sweep: whatever an event, a timer or a crash has lost is found here within one interval. */
import { isTold } from '../domain/resources/backup-state.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { failure } from '../domain/request-error.ts';
import type { PageHint } from '../domain/events/event-target.ts';
import { path } from '../domain/resources/api-paths.ts';
import { rotationOwed } from '../domain/resources/manager-state.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { Walk } from '../platform/reconcile/paging.ts';
import { skip } from '../platform/run/database-pods.ts';
import type { Outcome } from '../platform/reconcile/reconcile.ts';

/** Settles one manager: slots, status, timer. */
export type Settle = (manager: PgManager) => Promise<Outcome>;

/** Objects a page. Smaller than the API's default so that a page is done well within an activation. */
const pageSize = 200;

/** Managers are settled; what is unfinished or untold is hinted at, because a timer that exists may still not fire. */
export function sweepWalk(effects: Effects, scope: string, settle: Settle): Walk {
  return {
    effects,
    name: 'sweep',
    pageSize,
    collections: [
      {
        kind: 'PgManager',
        path: path.managers(scope),
        handle: (items, hint) => sweepManagers(effects, settle, { items, hint }),
      },
      {
        kind: 'PgBackup',
        path: path.backups(scope),
        fieldSelector: 'status.announced!=success,status.announced!=error',
        handle: (items, hint) => hintBackups(effects, { items, hint }),
      },
    ],
  };
}

interface SweepPage {
  readonly items: readonly unknown[];
  readonly hint: PageHint;
}

async function sweepManagers(effects: Effects, settle: Settle, { items, hint }: SweepPage): Promise<number> {
  const managers = parseEach(PgManager, items, skip(effects.log));
  for (const manager of managers) {
    await settleOne(effects, settle, manager);
    if (rotationOwed(manager)) await postHint(effects, hint, lookHint('rotation', manager, hint.tick));
    const running = runningHint(manager, hint.tick);
    if (running !== undefined) await postHint(effects, hint, running);
  }
  return managers.length;
}

/** One manager that cannot be settled must not stop the others of its page. */
async function settleOne(effects: Effects, settle: Settle, manager: PgManager): Promise<void> {
  const { name, namespace } = manager.metadata;
  try {
    const outcome = await settle(manager);
    if (outcome.outcome === 'retry')
      effects.log.warn('Manager not settled', { namespace, name, reason: outcome.reason, detail: outcome.message });
  } catch (error) {
    effects.log.error('Manager not settled', {
      namespace,
      name,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** One hint for each StatefulSet with something unfinished or untold. */
async function hintBackups(effects: Effects, { items, hint }: SweepPage): Promise<number> {
  const backups = parseEach(PgBackup, items, skip(effects.log));
  const seen = new Set<string>();
  for (const backup of backups.filter((candidate) => !isTold(candidate))) {
    const key = `${backup.metadata.namespace}/${backup.spec.selector.name}`;
    if (!seen.has(key)) await postHint(effects, hint, lookHint('backup', backup, hint.tick));
    seen.add(key);
  }
  return backups.length;
}

async function postHint(effects: Effects, hint: PageHint, event: OwnEvent): Promise<void> {
  try {
    await effects.sink.post(event);
  } catch (error) {
    if (!failure.is(error)) throw error;
    effects.log.warn('Look hint not accepted by the sink', { tick: hint.tick, id: event.id, error: error.message });
  }
}

/**
 * Whoever deletes a running PgBackup leaves `conditions.backup` behind when the delete event is lost and wal-g ends before
 * a probe finds it: nothing in the API server but this condition still names it, so it is asked for by that name.
 */
function runningHint(manager: PgManager, tick: string): OwnEvent | undefined {
  const name = manager.status.conditions.backup?.running;
  if (name === undefined) return undefined;
  const hint = lookHint('backup', manager, tick);
  const { namespace } = manager.metadata;
  return {
    ...hint,
    source: path.backup(namespace, name),
    subject: `pgbackup/${namespace}/${name}`,
    data: { ...hint.data, name },
  };
}

function lookHint(purpose: 'backup' | 'rotation', object: PgBackup | PgManager, tick: string): OwnEvent {
  const { name, namespace, uid } = object.metadata;
  return {
    type: eventType.look,
    source: purpose === 'backup' ? path.backup(namespace, name) : path.manager(namespace, name),
    id: `${tick}/${purpose}/${uid}`,
    subject: `${object.kind.toLowerCase()}/${namespace}/${name}`,
    extensions: { pgpurpose: purpose },
    data: { namespace, name, purpose, statefulSet: object.spec.selector.name },
  };
}
