/** A collection of objects that is kept up to date: list, watch from there, list again when the watch is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf, type Stored } from './objects.ts';
import type { LineStream, Rest } from './rest.ts';

/** What happened to an object. A lost watch may hide steps in between: look at the state, not at the history. */
export interface Change<T extends Stored> {
  readonly type: 'present' | 'deleted';
  readonly object: T;
}

/** The live collection. */
export interface Followed<T extends Stored> {
  get(key: string): T | undefined;
  all(): T[];
  stop(): void;
}

interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

interface ListBody<T> {
  readonly items: T[];
  readonly metadata: { readonly resourceVersion: string };
}

const retryMs = 500;

/** Follows the collection at an API path; a kind that does not exist yet is waited for. */
export function follow<T extends Stored>(rest: Rest, path: string, changed: (change: Change<T>) => void): Followed<T> {
  const objects = new Map<string, T>();
  let stream: LineStream | undefined;
  let stopped = false;
  const separator = path.includes('?') ? '&' : '?';

  function take(type: WatchEvent<T>['type'], object: T): void {
    if (type === 'DELETED') objects.delete(keyOf(object));
    else objects.set(keyOf(object), object);
    changed({ type: type === 'DELETED' ? 'deleted' : 'present', object });
  }

  function replaceAll(items: readonly T[]): void {
    const kept = new Set(items.map((item) => item.metadata.uid));
    for (const object of [...objects.values()]) if (!kept.has(object.metadata.uid)) take('DELETED', object);
    for (const item of items) take('ADDED', item);
  }

  async function listAndWatch(): Promise<void> {
    const listed = await rest.send({ method: 'GET', path });
    if (listed.status !== 200 || stopped) return;
    const body = listed.body as ListBody<T>;
    replaceAll(body.items);
    stream = rest.lines(`${path}${separator}watch=1&resourceVersion=${body.metadata.resourceVersion}`, (line) => {
      const event = JSON.parse(line) as WatchEvent<T>;
      if (event.type === 'ERROR') stream?.close();
      else if (event.type !== 'BOOKMARK') take(event.type, event.object);
    });
    await stream.ended;
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await listAndWatch().catch(() => undefined);
      if (!stopped) await sleep(retryMs);
    }
  }

  void run();
  return {
    get: (key) => objects.get(key),
    all: () => [...objects.values()],
    stop() {
      stopped = true;
      stream?.close();
    },
  };
}
