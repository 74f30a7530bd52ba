/**
 * List and watch of a collection: resumes from the last resourceVersion after a broken stream, lists again after a
 * `410 Gone`, as client-go's reflector does.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { requestError } from '../../../functions/domain/request-error.ts';
import type { Selection } from '../../../functions/platform/kubernetes/client.ts';
import type { ApiClient } from './api-client.ts';
import type { Stored } from './objects.ts';

/** A change, as a line of the stream says it. */
export interface WatchEvent<T extends Stored> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** What to watch, and who hears of it. */
export interface Watch<T extends Stored> {
  readonly path: string;
  readonly selection?: Pick<Selection, 'labelSelector' | 'fieldSelector'>;
  /** The user to impersonate, so that the RBAC of that user decides. */
  readonly as?: string;
  readonly signal: AbortSignal;
  /** Takes the whole collection, at the start and after every gap. Without it the list only gives the position. */
  onList?(items: readonly T[]): void;
  /** Takes one change; the next line of the stream is read after that. */
  onEvent(event: WatchEvent<T>): Promise<void> | void;
  /** A list or watch failed (no such kind, not allowed, no answer); it is tried again every half second. */
  onTrouble?(error: unknown): void;
  /** A stream is open, at first and again after every failure: no change after its position is missed. */
  onReady?(): void;
}

interface ListBody<T> {
  readonly items?: readonly T[];
  readonly metadata: { readonly resourceVersion: string };
}

interface StreamLine<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T & { readonly code?: number; readonly message?: string };
}

const retryMs = 500;

/** Watches until the signal aborts. Never rejects. */
export async function watch<T extends Stored>(api: ApiClient, what: Watch<T>): Promise<void> {
  const headers = what.as === undefined ? {} : { 'Impersonate-User': what.as };
  let position: string | undefined;
  while (!what.signal.aborted) {
    try {
      position ??= await list(api, what, headers);
      const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: position };
      const stream = { path: target(what, query), headers, signal: what.signal };
      for await (const line of api.lines(stream, () => what.onReady?.())) {
        position = await take(what, line);
      }
    } catch (error) {
      if (what.signal.aborted) return;
      if (requestError.isGone(error)) position = undefined;
      else await reportAndWait(what, error);
    }
  }
}

async function list<T extends Stored>(
  api: ApiClient,
  what: Watch<T>,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  // Without `onList` the objects are not needed: a page of one is enough to learn the position.
  const path = target(what, what.onList === undefined ? { limit: '1' } : {});
  const body = (await api.call({ method: 'GET', path, headers })) as ListBody<T>;
  if (!what.signal.aborted) what.onList?.(body.items ?? []);
  return body.metadata.resourceVersion;
}

/** Handles one line of the stream and returns the position behind it. */
async function take<T extends Stored>(what: Watch<T>, line: string): Promise<string> {
  const { type, object } = JSON.parse(line) as StreamLine<T>;
  if (type === 'ERROR') throw requestError.of(object.code ?? 0, 'WatchError', object.message ?? line);
  if (type !== 'BOOKMARK') await what.onEvent({ type, object });
  return object.metadata.resourceVersion;
}

function target<T extends Stored>(what: Watch<T>, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(what.selection ?? {})) if (value !== undefined) query.set(name, value);
  return `${what.path}?${query.toString()}`;
}

async function reportAndWait<T extends Stored>(what: Watch<T>, error: unknown): Promise<void> {
  // A stream that the API server cut in the middle is not reported: it resumes where it was.
  if (requestError.is(error)) what.onTrouble?.(error);
  await pause(retryMs, undefined, { signal: what.signal }).catch(() => undefined);
}
