/**
 * The sweep: whatever an event, a timer or a crash has lost is found here within one interval. It goes page by page;
 * each activation posts the next page first, so that a page that dies takes none of the following with it.
 */
import { isFinished } from '../domain/backups.ts';
import { eventType, type OwnEvent } from '../domain/events.ts';
import { failure } from '../domain/failures.ts';
import type { PageHint } from '../domain/hints.ts';
import { path } from '../domain/names.ts';
import { parseEach, PgBackup, PgManager } from '../domain/resources.ts';
import { rotationOwed } from '../domain/rotation-owed.ts';
import { parseTime, rfc3339 } from '../domain/time.ts';
import type { Effects } from '../platform/apply.ts';
import type { Page } from '../platform/kube.ts';
import type { Outcome } from '../platform/reconcile.ts';

/** Objects a page. Smaller than the API's default so that a page is done well within an activation. */
const pageSize = 200;
/** Pages of a sweep older than this are dropped: the next sweep is near (seconds). */
const pageLifetime = 600;
/** Marks a sweep that was started anew after its list token had expired. */
const restartMark = '+';

export interface Sweeper {
  readonly effects: Effects;
  readonly scope: string;
  /** Settles one manager: slots, status, timer. */
  settle(manager: PgManager): Promise<Outcome>;
}

/** The page that a sweep tick begins with; its tick id names all pages of the sweep. */
export async function firstPage(effects: Effects, tick: string, scope: string): Promise<PageHint> {
  await effects.kube.list(path.managers(scope), { limit: 1 });
  return { tick, page: 1, kind: 'PgManager', continue: '', started: rfc3339(serverNow(effects)) };
}

/** Posts the next page, then handles its own. */
export async function sweepPage(sweeper: Sweeper, hint: PageHint): Promise<Outcome> {
  const { effects, scope } = sweeper;
  let page: Page;
  try {
    page = await readPage(effects, scope, hint);
  } catch (error) {
    if (failure.isGone(error)) return restart(effects, hint);
    throw error;
  }
  if (serverNow(effects) - (parseTime(hint.started) ?? 0) > pageLifetime) {
    return { outcome: 'done', reason: 'StalePage', message: 'the page is of an old sweep' };
  }
  const next = nextPage(hint, page.continue);
  if (next !== undefined) await effects.sink.post(pageEvent(next));
  const handled =
    hint.kind === 'PgManager' ? await sweepManagers(sweeper, hint, page) : await hintBackups(effects, hint, page);
  return { outcome: 'done', reason: 'Swept', message: `page ${hint.page}: ${handled} ${hint.kind}` };
}

function readPage(effects: Effects, scope: string, hint: PageHint): Promise<Page> {
  const common = { limit: pageSize, continue: hint.continue === '' ? undefined : hint.continue };
  return hint.kind === 'PgManager'
    ? effects.kube.list(path.managers(scope), common)
    : effects.kube.list(path.backups(scope), {
        ...common,
        fieldSelector: 'status.announced!=success,status.announced!=error',
      });
}

function nextPage(hint: PageHint, continueToken: string | undefined): PageHint | undefined {
  if (continueToken !== undefined) return { ...hint, page: hint.page + 1, continue: continueToken };
  return hint.kind === 'PgManager' ? { ...hint, page: hint.page + 1, kind: 'PgBackup', continue: '' } : undefined;
}

/** The list token expired (410): the kind is listed from its beginning, once a sweep. */
async function restart(effects: Effects, hint: PageHint): Promise<Outcome> {
  if (hint.tick.endsWith(restartMark)) {
    return { outcome: 'done', reason: 'ListExpired', message: 'the list expired twice; the next sweep goes on' };
  }
  await effects.sink.post(pageEvent({ ...hint, tick: `${hint.tick}${restartMark}`, page: 1, continue: '' }));
  return { outcome: 'done', reason: 'ListExpired', message: 'the list expired and is begun again' };
}

function pageEvent(hint: PageHint): OwnEvent {
  return {
    type: eventType.sweepPage,
    source: '/apis/sources.knative.dev/v1/namespaces/aidboxops/pingsources/sweep',
    id: `${hint.tick}/${hint.page}`,
    subject: `sweep/${hint.kind}/${hint.page}`,
    data: hint,
  };
}

async function sweepManagers(sweeper: Sweeper, hint: PageHint, page: Page): Promise<number> {
  const { effects } = sweeper;
  const managers = parseEach(PgManager, page.items, (item, why) =>
    effects.log.warn('PgManager skipped', { object: (item as { metadata?: object }).metadata, why }),
  );
  for (const manager of managers) {
    await settleOne(sweeper, manager);
    if (rotationOwed(manager)) await postHint(effects, hint, lookHint('rotation', manager, hint.tick));
  }
  return managers.length;
}

/** One manager that cannot be settled must not stop the others of its page. */
async function settleOne({ effects, settle }: Sweeper, manager: PgManager): Promise<void> {
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

/** One hint for each StatefulSet with something unfinished or untold: a timer that exists may still not fire. */
async function hintBackups(effects: Effects, hint: PageHint, page: Page): Promise<number> {
  const backups = parseEach(PgBackup, page.items, (item, why) =>
    effects.log.warn('PgBackup skipped', { object: (item as { metadata?: object }).metadata, why }),
  );
  const seen = new Set<string>();
  for (const backup of backups.filter(
    (candidate) => !(isFinished(candidate) && candidate.status.announced === candidate.status.state),
  )) {
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

function serverNow(effects: Effects): number {
  return Math.floor(effects.kube.serverTime()?.toSeconds() ?? 0);
}
