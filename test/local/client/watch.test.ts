import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestError } from '../../../functions/domain/request-error.ts';
import type { ApiCall, ApiClient, ApiStream } from '../../../local/kubernetes/client/api-client.ts';
import type { Stored } from '../../../local/kubernetes/client/objects.ts';
import { watch } from '../../../local/kubernetes/client/watch.ts';

type Step = { readonly list: string } | { readonly lines: readonly string[]; readonly then?: Error };

/** Runs these steps; the last one ends the watch. */
async function runWatch(steps: readonly Step[], withList = true): Promise<{ asked: string[]; called: string[] }> {
  const asked: string[] = [];
  const called: string[] = [];
  const left = [...steps];
  const abort = new AbortController();
  function next(): Step | undefined {
    const step = left.shift();
    if (left.length === 0) abort.abort();
    return step;
  }
  const api = {
    call: ({ path }: ApiCall) => {
      asked.push(path);
      const step = next();
      if (step === undefined || !('list' in step)) throw new Error('a list was not expected');
      return Promise.resolve({ items: [object('listed', '1')], metadata: { resourceVersion: step.list } });
    },
    // eslint-disable-next-line @typescript-eslint/require-await
    async *lines({ path }: ApiStream) {
      asked.push(path);
      const step = next();
      if (step === undefined || !('lines' in step)) throw new Error('a watch was not expected');
      yield* step.lines;
      if (step.then !== undefined) throw step.then;
    },
  } as unknown as ApiClient;
  await watch<Stored>(api, {
    path: '/things',
    signal: abort.signal,
    ...(withList ? { onList: (items: readonly Stored[]) => void called.push(`list of ${items.length}`) } : {}),
    onEvent: ({ type, object: { metadata } }) => void called.push(`${type} ${metadata.name}`),
  });
  return { asked: asked.map((path) => path.replace('watch=true&allowWatchBookmarks=true&', '')), called };
}

function object(name: string, resourceVersion: string): object {
  return { metadata: { name, resourceVersion } };
}

function line(type: string, name: string, resourceVersion: string): string {
  return JSON.stringify({ type, object: object(name, resourceVersion) });
}

test('a stream that ends is resumed behind its last line, bookmarks included', async () => {
  const { asked, called } = await runWatch([
    { list: '10' },
    { lines: [line('ADDED', 'a', '11'), line('BOOKMARK', '', '15')] },
    { lines: [line('DELETED', 'a', '16')] },
    { lines: [] },
  ]);
  assert.deepEqual(asked, [
    '/things?',
    '/things?resourceVersion=10',
    '/things?resourceVersion=15',
    '/things?resourceVersion=16',
  ]);
  assert.deepEqual(called, ['list of 1', 'ADDED a', 'DELETED a']);
});

test('a stream that breaks is resumed without a new list', async () => {
  const { asked } = await runWatch([
    { list: '10' },
    { lines: [line('ADDED', 'a', '11')], then: new Error('ECONNRESET') },
    { lines: [] },
  ]);
  assert.deepEqual(asked.slice(1), ['/things?resourceVersion=10', '/things?resourceVersion=11']);
});

const gone = JSON.stringify({ type: 'ERROR', object: { code: 410, message: 'too old', metadata: {} } });
const expired: readonly { name: string; step: Step }[] = [
  { name: 'in the stream', step: { lines: [gone] } },
  { name: 'as the answer', step: { lines: [], then: requestError.of(410, 'Expired', 'too old') } },
];

for (const { name, step } of expired) {
  test(`410 ${name}: listed again; only events are handed over without a listener for lists`, async () => {
    const steps: Step[] = [{ list: '10' }, step, { list: '20' }, { lines: [line('MODIFIED', 'a', '21')] }];
    const { asked, called } = await runWatch(steps, false);
    assert.deepEqual(asked, [
      '/things?limit=1',
      '/things?resourceVersion=10',
      '/things?limit=1',
      '/things?resourceVersion=20',
    ]);
    assert.deepEqual(called, ['MODIFIED a']);
  });
}

test('a watch that is refused once after a good list is ready with the stream that opens next', async () => {
  const called: string[] = [];
  const abort = new AbortController();
  let attempts = 0;
  const api = {
    call: () => Promise.resolve({ metadata: { resourceVersion: '1' } }),
    // eslint-disable-next-line @typescript-eslint/require-await
    async *lines(_: ApiStream, onOpen?: () => void) {
      attempts += 1;
      if (attempts === 1) throw requestError.of(404, 'NotFound', 'not served yet');
      onOpen?.();
      abort.abort();
      yield* [] as string[];
    },
  } as unknown as ApiClient;
  await watch<Stored>(api, {
    path: '/things',
    signal: abort.signal,
    onEvent: () => undefined,
    onTrouble: () => void called.push('trouble'),
    onReady: () => void called.push('ready'),
  });
  assert.deepEqual(called, ['trouble', 'ready']);
});
