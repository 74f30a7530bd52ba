/**
 * List and watch of a collection: resumes from the last resourceVersion after a broken stream, lists again after a
 * `410 Gone`, as client-go's reflector does.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { failure } from '../../../functions/domain/request-error.ts';
import type { ApiServer } from './api-server.ts';
import type { Stored } from './objects.ts';

/** A change as the watch stream tells it. */
export interface WatchEvent<T extends Stored> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** What to watch and whom to tell. */
export interface Watch<T extends Stored> {
  readonly path: string;
  readonly labelSelector?: string | undefined;
  /** Acts as this user, so that its RBAC decides. */
  readonly as?: string | undefined;
  readonly signal: AbortSignal;
  /** The collection as a whole: at the start and after every gap. Without it only the position is taken. */
  onList?(items: readonly T[]): void;
  /** One change; the next is not read from the stream before this one is done. */
  onEvent(event: WatchEvent<T>): Promise<void> | void;
  /** Lists or watches fail (no such kind, not allowed, no answer); they are tried again every half second. */
  onTrouble?(error: unknown): void;
  /** A stream is open, at first and again after every trouble: nothing from its position on is missed. */
  readonly onReady?: () => void;
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
export async function watch<T extends Stored>(api: ApiServer, what: Watch<T>): Promise<void> {
  let position: string | undefined;
  while (!what.signal.aborted) {
    try {
      position ??= await list(api, what);
      const request = { ...call(what, watchQuery(position)), signal: what.signal };
      for await (const line of api.lines(request, what.onReady)) {
        position = await take(what, line);
      }
    } catch (error) {
      if (what.signal.aborted) return;
      if (failure.isGone(error)) position = undefined;
      else await tellAndWait(what, error);
    }
  }
}

async function list<T extends Stored>(api: ApiServer, what: Watch<T>): Promise<string> {
  // Without `onList` nobody wants the objects: a page of one is enough to learn where we stand.
  const query = new URLSearchParams(what.onList === undefined ? { limit: '1' } : {});
  const body = (await api.call({ ...call(what, query), signal: what.signal })) as ListBody<T>;
  what.onList?.(body.items ?? []);
  return body.metadata.resourceVersion;
}

/** Handles one line of the stream and returns the position behind it. */
async function take<T extends Stored>(what: Watch<T>, line: string): Promise<string> {
  const { type, object } = JSON.parse(line) as StreamLine<T>;
  if (type === 'ERROR') throw failure.of(object.code ?? 0, 'WatchError', object.message ?? line);
  if (type !== 'BOOKMARK') await what.onEvent({ type, object });
  return object.metadata.resourceVersion;
}

function watchQuery(position: string): URLSearchParams {
  return new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: position });
}

function call<T extends Stored>(
  what: Watch<T>,
  query: URLSearchParams,
): { method: 'GET'; path: string; as: string | undefined } {
  if (what.labelSelector !== undefined) query.set('labelSelector', what.labelSelector);
  return { method: 'GET', path: `${what.path}?${query.toString()}`, as: what.as };
}

async function tellAndWait<T extends Stored>(what: Watch<T>, error: unknown): Promise<void> {
  // A stream that the API server cut in the middle is not worth a word: it resumes where it was.
  if (failure.is(error)) what.onTrouble?.(error);
  await pause(retryMs, undefined, { signal: what.signal }).catch(() => undefined);
}
