/** The only place that writes: interprets the commands of a decision, in their order. */
import { isDeepStrictEqual } from 'node:util';
import { buildPingSource } from '../../domain/commands/ping-source.ts';
import type { Command, Incarnation } from '../../domain/commands/command.ts';
import { requestError } from '../../domain/request-error.ts';
import type { Manifest } from '../../domain/resources/manifest.ts';
import { path } from '../../domain/resources/api-paths.ts';
import { apiVersion, fieldManager } from '../../domain/resources/names.ts';
import type { Timer } from '../../domain/events/timer.ts';
import { applyInPod } from './apply-in-pod.ts';
import type { Kube } from '../kubernetes/client.ts';
import type { Log } from '../log.ts';
import type { Runner } from '../run/runner.ts';
import type { Sink } from '../http/sink.ts';

/** What commands act on. */
export interface Effects {
  readonly kube: Kube;
  readonly sink: Sink;
  readonly runner: Runner;
  readonly log: Log;
}

export interface Applied {
  /** `conflict`: something was not as the decision assumed, the rest was left out; gather again. */
  readonly outcome: 'applied' | 'conflict';
  /** The sink did not accept an event: the announcement stays pending. */
  readonly undelivered: boolean;
  readonly writes: Writes;
}

/** What became of our objects. */
export interface Writes {
  /** As the API server answered them after a write of their status, unparsed; the newest last. */
  readonly written: readonly unknown[];
  /** UIDs of PgBackups. */
  readonly removed: readonly string[];
}

/** Applies in order. Throws a `RequestError` when the API server cannot be used; what was applied until then stays and does no harm. */
export async function apply(effects: Effects, commands: readonly Command[]): Promise<Applied> {
  const log: WriteLog = { written: [], removed: [] };
  return { ...(await applyAll({ ...effects, writes: log }, commands)), writes: log };
}

/** Where writes are entered as they are made. */
interface WriteLog extends Writes {
  readonly written: unknown[];
  readonly removed: string[];
}

type LoggedEffects = Effects & { readonly writes: WriteLog };

async function applyAll(effects: LoggedEffects, commands: readonly Command[]): Promise<Omit<Applied, 'writes'>> {
  let undelivered = false;
  for (const command of commands) {
    const done = await applyOne(effects, command);
    if (done === 'conflict') return { outcome: 'conflict', undelivered };
    if (done === 'undelivered') undelivered = true;
  }
  return { outcome: 'applied', undelivered };
}

type Done = 'applied' | 'conflict' | 'undelivered';

function applyOne(effects: LoggedEffects, command: Command): Promise<Done> {
  switch (command.type) {
    case 'applyStatus':
      return applyStatus(effects, command);
    case 'createBackup':
      return createBackup(effects.kube, command.backup);
    case 'removeBackup':
      return removeBackup(effects, command.target);
    case 'applyTimer':
      return applyTimer(effects.kube, command.timer);
    case 'removeTimer':
      return removeObject(effects.kube, path.timer(command.namespace, command.name));
    case 'recordEvent':
      return recordEvent(effects, command.event);
    case 'post':
      return post(effects, command);
    default:
      return applyInPod(effects, command);
  }
}

/**
 * The resourceVersion makes a write that was decided from an older state, or for a namesake, fail with 409. A refusal by
 * CEL (422) means the same: a final state is there already. The log says so, because a schema that refuses the write would
 * cause the same answer.
 */
async function applyStatus(
  { writes, kube, log }: LoggedEffects,
  command: Extract<Command, { type: 'applyStatus' }>,
): Promise<Done> {
  const { namespace, name } = command.target;
  const object = {
    apiVersion,
    kind: command.kind,
    metadata: preconditions(command.target),
    status: command.status,
  };
  const at = command.kind === 'PgManager' ? path.manager(namespace, name) : path.backup(namespace, name);
  try {
    const options = { fieldManager: command.fieldManager, subresource: 'status', force: true } as const;
    writes.written.push(await kube.apply(at, object, options));
    return 'applied';
  } catch (error) {
    if (requestError.isInvalid(error))
      log.warn('Status refused by the API server', { object: `${namespace}/${name}`, error: String(error) });
    if (requestError.isConflict(error) || requestError.isInvalid(error) || requestError.isNotFound(error))
      return 'conflict';
    throw error;
  }
}

function preconditions({ name, namespace, uid, resourceVersion }: Incarnation): Incarnation {
  return { name, namespace, uid, resourceVersion };
}

/** A taken name is a conflict: the next round reads whose object it is before the slot counts as run. */
async function createBackup(kube: Kube, backup: Manifest): Promise<Done> {
  const done = await kube.create(path.backups(backup.metadata.namespace), backup);
  return done === 'created' ? 'applied' : 'conflict';
}

async function removeBackup(
  { writes, kube }: LoggedEffects,
  { name, namespace, uid }: Omit<Incarnation, 'resourceVersion'>,
): Promise<Done> {
  writes.removed.push(uid);
  return removeObject(kube, path.backup(namespace, name), uid);
}

async function removeObject(kube: Kube, at: string, uid?: string): Promise<Done> {
  await kube.remove(at, uid);
  return 'applied';
}

async function recordEvent(effects: Effects, event: Manifest): Promise<Done> {
  await effects.kube.create(path.events(event.metadata.namespace), event);
  return 'applied';
}

async function post(effects: LoggedEffects, command: Extract<Command, { type: 'post' }>): Promise<Done> {
  try {
    for (const event of command.events) await effects.sink.post(event);
  } catch (error) {
    if (!requestError.is(error)) throw error;
    effects.log.warn('Event not accepted by the sink, it stays pending', {
      events: command.events.map((event) => event.id),
      error: error.message,
    });
    return 'undelivered';
  }
  const { outcome, undelivered } = await applyAll(effects, command.then);
  return outcome === 'applied' && undelivered ? 'undelivered' : outcome;
}

/**
 * Every sweep ensures the slot timer, which is nearly always as it should be: it is read first, and applied only where it
 * differs. Other timers are nearly always new, and an apply that changes nothing is no write.
 */
async function applyTimer(kube: Kube, timer: Timer): Promise<Done> {
  const desired = buildPingSource(timer);
  const at = path.timer(desired.metadata.namespace, desired.metadata.name);
  const existing = timer.purpose === 'slot' ? await kube.get(at) : undefined;
  const isThere = existing !== undefined && contains(existing, desired);
  const found = isThere ? existing : await kube.apply(at, desired, { fieldManager: fieldManager.timer, force: true });
  if ((found as Manifest).metadata['deletionTimestamp'] !== undefined) {
    throw requestError.of(
      503,
      'TimerTerminating',
      `PingSource ${desired.metadata.name} is being deleted: it is made again after that`,
    );
  }
  return 'applied';
}

/** Every field of `desired` is in `actual` with the same value; lists are compared whole. */
function contains(actual: unknown, desired: unknown): boolean {
  if (typeof desired !== 'object' || desired === null || Array.isArray(desired)) {
    return isDeepStrictEqual(actual, desired);
  }
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(desired).every(([key, value]) => contains((actual as Record<string, unknown>)[key], value));
}
