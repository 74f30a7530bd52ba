/** Condition and verdict → condition, and what is told of it. Numbers are those of the traces that break naive versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Command } from '../../../functions/domain/commands/command.ts';
import type { StorageCondition } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { pendingChanges } from '../../../functions/storage/changes.ts';
import { decide, orphanRequest } from '../../../functions/storage/decide.ts';
import type { Verdict } from '../../../functions/storage/checks.ts';
import { aManager, slot } from '../../support/situations/objects.ts';
import { found } from '../../support/situations/storage.ts';

const ok: Verdict = { kind: 'ok', fact: 'ok' };
const noBucket: Verdict = { kind: 'failed', fact: 'write check', detail: 'NoSuchBucket' };
const notReady: Verdict = { kind: 'unknown', fact: 'pod postgres-0 is not ready', detail: 'Pending: no node' };
const wrongName: Verdict = { kind: 'broken', fact: 'NoPodAccess: namespace shop has no StatefulSet "postgres"' };
const noArchiving: Verdict = { kind: 'warning', fact: 'archive_mode is off' };

const before = '2022-01-01T03:00:00Z';
const now = '2022-01-02T06:00:00Z';

const available: StorageCondition = {
  state: 'available',
  status: 'ok',
  message: 'ok',
  since: before,
  failures: 0,
  announced: `available/${before}`,
};
const failedOnce: StorageCondition = { ...available, message: 'write check failed once: "NoSuchBucket"', failures: 1 };
const unavailable: StorageCondition = {
  state: 'unavailable',
  status: 'error',
  message: 'unavailable since 03:00Z: write check: "NoSuchBucket"',
  since: before,
  failures: 2,
  announced: `unavailable/${before}`,
};
const unknown: StorageCondition = {
  state: 'unknown',
  status: 'unknown',
  message: 'pod postgres-0 is not ready: "Pending: no node"',
  since: before,
  failures: 0,
};

interface Case {
  readonly stored?: StorageCondition;
  readonly verdict: Verdict;
  /** The condition written; absent: nothing is written. */
  readonly want?: StorageCondition;
}

const cases: Readonly<Record<string, Case>> = {
  'first look, all well': {
    verdict: ok,
    want: { state: 'available', status: 'ok', message: 'ok', since: now, failures: 0 },
  },
  'first look, wrong name: shown at once': {
    verdict: wrongName,
    want: { state: 'unknown', status: 'error', message: wrongName.fact, since: now, failures: 0 },
  },
  'first look, storage fails: shown at once, not yet unavailable': {
    verdict: noBucket,
    want: {
      state: 'unknown',
      status: 'error',
      message: 'write check failed once: "NoSuchBucket"',
      since: now,
      failures: 1,
    },
  },
  'first look, pod not ready': { verdict: notReady, want: { ...unknown, since: now } },
  'archive_mode off: storage is there, but nothing can be proved': {
    stored: available,
    verdict: noArchiving,
    want: { ...available, status: 'error', message: 'archive_mode is off' },
  },
  'nothing new': { stored: available, verdict: ok },
  'a first failure leaves the state': { stored: available, verdict: noBucket, want: failedOnce },
  'H48 failing and passing in turn is never unavailable': { stored: failedOnce, verdict: ok, want: available },
  'H48 the second failure in a row': {
    stored: failedOnce,
    verdict: noBucket,
    want: {
      ...unavailable,
      message: 'unavailable since 06:00Z: write check: "NoSuchBucket"',
      since: now,
      announced: `available/${before}`,
    },
  },
  'still unavailable': { stored: unavailable, verdict: noBucket },
  'still unavailable, the error only worded anew: no write that would wake functions for ever': {
    stored: unavailable,
    verdict: { ...noBucket, detail: 'NoSuchBucket, request id 4711' },
  },
  'still unavailable, but now it is reading that fails': {
    stored: unavailable,
    verdict: { kind: 'failed', fact: 'read check', detail: 'AccessDenied' },
    want: { ...unavailable, message: 'unavailable since 03:00Z: read check: "AccessDenied"' },
  },
  'available again': {
    stored: unavailable,
    verdict: ok,
    want: { ...available, since: now, announced: `unavailable/${before}` },
  },
  'pod gone': {
    stored: available,
    verdict: notReady,
    want: { ...unknown, since: now, announced: `available/${before}` },
  },
  'pod still not ready, Kubernetes gives another reason': {
    stored: unknown,
    verdict: { ...notReady, detail: 'Pending: other words' },
  },
  'a gap in what is known is no change': {
    stored: { ...unknown, announced: `available/${before}` },
    verdict: ok,
    want: available,
  },
  'failures before a gap still count: unavailable stays one outage': {
    stored: { ...unknown, failures: 2, announced: `unavailable/${before}` },
    verdict: noBucket,
    want: unavailable,
  },
  'H50 a change that nobody could be told of is kept when it is overtaken': {
    stored: { ...unavailable, announced: 'available/2022-01-01T01:00:00Z' },
    verdict: ok,
    want: { ...available, since: now, announced: `available/2022-01-01T01:00:00Z +unavailable/${before}` },
  },
  'H50 a change that nobody could be told of goes on after a gap': {
    stored: { ...unknown, failures: 2, announced: `+unavailable/${before}` },
    verdict: noBucket,
    want: (({ announced: _none, ...rest }) => rest)(unavailable),
  },
};

function written(commands: readonly Command[]): StorageCondition | undefined {
  const [command] = commands;
  if (command?.type !== 'applyStatus') return undefined;
  return (command.status as { conditions: { storage: StorageCondition } }).conditions.storage;
}

function managerWith(stored: StorageCondition | undefined): ReturnType<ReturnType<typeof aManager>['build']> {
  return (stored === undefined ? aManager() : aManager().condition('storage', stored)).build();
}

for (const [name, { stored, verdict, want }] of Object.entries(cases)) {
  test(name, () => {
    const decision = decide({ now: slot, manager: managerWith(stored), verdict });
    assert.deepEqual(written(decision.commands), want);
    assert.equal(decision.next, want === undefined ? 'done' : 'again');
  });
}

test('a change is told as Event and CloudEvent, then recorded', () => {
  const manager = managerWith({ ...unavailable, announced: 'available/2022-01-01T01:00:00Z' });
  const { commands, next } = decide({ now: slot, manager });
  const [event, post] = commands;
  assert.equal(commands.length, 2);
  assert.equal(next, 'again');
  assert.ok(event?.type === 'recordEvent' && post?.type === 'post');
  const { metadata, type, reason, message } = event.event;
  assert.deepEqual(
    { name: metadata.name, type, reason, message },
    {
      name: 'aidboxops-uid-pg-manager-storage-unavailable-1641006000',
      type: 'Warning',
      reason: 'StorageUnavailable',
      message: 'unavailable since 03:00Z: write check: "NoSuchBucket"',
    },
  );
  assert.deepEqual(post.events, [
    {
      type: 'pg.aidbox.storage.unavailable.v1',
      source: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager',
      id: `uid-pg-manager/storage/unavailable/${before}`,
      subject: 'pgmanager/shop/pg-manager',
      data: {
        namespace: 'shop',
        name: 'pg-manager',
        uid: 'uid-pg-manager',
        statefulSet: 'postgres',
        state: 'unavailable',
        since: before,
        message: 'unavailable since 03:00Z: write check: "NoSuchBucket"',
      },
    },
  ]);
  assert.equal(written(post.then)?.announced, `unavailable/${before}`);
});

test('a recovery is told in its own words', () => {
  const manager = managerWith({ ...available, announced: 'unavailable/2022-01-01T01:00:00Z' });
  const [event, post] = decide({ now: slot, manager }).commands;
  assert.ok(event?.type === 'recordEvent' && post?.type === 'post');
  const { metadata, involvedObject, type, reason, message, firstTimestamp, reportingComponent } = event.event;
  assert.deepEqual(
    [metadata.name, metadata.namespace],
    ['aidboxops-uid-pg-manager-storage-available-1641006000', 'shop'],
  );
  assert.deepEqual(involvedObject, {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    name: 'pg-manager',
    namespace: 'shop',
    uid: 'uid-pg-manager',
  });
  assert.deepEqual(
    [type, reason, message, firstTimestamp, reportingComponent],
    ['Normal', 'StorageAvailable', 'ok', now, 'aidboxops-storage'],
  );
  assert.equal(post.events[0]?.type, 'pg.aidbox.storage.available.v1');
});

test('what is written is the whole condition, of the version that was read', () => {
  const manager = managerWith(undefined);
  assert.deepEqual(decide({ now: slot, manager, verdict: ok }).commands, [
    {
      type: 'applyStatus',
      kind: 'PgManager',
      target: manager.metadata,
      fieldManager: 'aidboxops-storage',
      status: {
        conditions: { storage: { state: 'available', status: 'ok', message: 'ok', since: now, failures: 0 } },
      },
    },
  ]);
});

for (const [reason, message, stored, verdict] of [
  ['StorageSeen', 'ok', undefined, ok],
  ['UpToDate', 'ok', available, ok],
  ['UpToDate', '', undefined, undefined],
  ['StorageChanged', 'ok', { ...available, announced: 'unavailable/2022-01-01T01:00:00Z' }, ok],
] as const) {
  test(`for the log: ${reason} ${message}`, () => {
    const decision = decide({ now: slot, manager: managerWith(stored), verdict });
    assert.deepEqual([decision.reason, decision.message], [reason, message]);
  });
}

test('an earlier change to the same state is not told in the words of the last', () => {
  const manager = managerWith({
    ...available,
    announced: '+available/2022-01-01T00:00:00Z +unavailable/2022-01-01T01:00:00Z',
  });
  const post = decide({ now: slot, manager }).commands.find((command) => command.type === 'post');
  assert.deepEqual(
    post?.events.map(({ data }) => (data as { message: string }).message),
    ['available since 2022-01-01T00:00:00Z', 'unavailable since 2022-01-01T01:00:00Z', 'ok'],
  );
});

test('H50 all that was overtaken is told in its order, once per id', () => {
  const manager = managerWith({ ...available, announced: '+unavailable/2022-01-01T01:00:00Z' });
  const post = decide({ now: slot, manager }).commands.find((command) => command.type === 'post');
  assert.deepEqual(
    post?.events.map(({ id, data }) => [id, (data as { message: string }).message]),
    [
      ['uid-pg-manager/storage/unavailable/2022-01-01T01:00:00Z', 'unavailable since 2022-01-01T01:00:00Z'],
      [`uid-pg-manager/storage/available/${before}`, 'ok'],
    ],
  );
});

test('a manager that was never looked at has nothing to tell', () => {
  assert.deepEqual(decide({ now: slot, manager: aManager().build() }).commands, []);
});

test('I9 a secret across the cut of a long detail is hidden whole', () => {
  const detail = `${'x'.repeat(380)} https://user:${'geheim'.repeat(10)}@minio/b`;
  const { commands } = decide({ now: slot, manager: managerWith(undefined), verdict: { ...noBucket, detail } });
  assert.ok(!JSON.stringify(commands).includes('geheim'));
});

test('a long detail is cut', () => {
  const verdict = { ...noBucket, detail: 'x'.repeat(500) };
  const { commands } = decide({ now: slot, manager: managerWith(undefined), verdict });
  assert.equal(written(commands)?.message, `write check failed once: "${'x'.repeat(400)}"`);
});

test('a change whose words are lost is told by what and when', () => {
  const manager = managerWith({ state: 'unavailable', status: 'error', since: before, failures: 2 });
  assert.equal(decide({ now: slot, manager }).message, `unavailable since ${before}`);
});

test('a message is one line without secrets', () => {
  const detail = 'PUT https://user:geheim@minio/b failed\nAWS_SECRET_ACCESS_KEY=abc';
  const { commands } = decide({ now: slot, manager: managerWith(undefined), verdict: { ...noBucket, detail } });
  const message = written(commands)?.message ?? '';
  assert.match(message, /^write check failed once: "PUT https:\/\/user:\*\*\*@minio/);
  assert.doesNotMatch(message, /geheim|abc|\n/);
});

/** The condition after a look. */
function looked(stored: StorageCondition | undefined, verdict: Verdict, at: number): StorageCondition | undefined {
  return written(decide({ now: at, manager: managerWith(stored), verdict }).commands) ?? stored;
}

/** What is told with the sink up, and the condition after it. */
function told(stored: StorageCondition | undefined, at: number): [string[], StorageCondition | undefined] {
  const post = decide({ now: at, manager: managerWith(stored) }).commands.find(({ type }) => type === 'post');
  if (post?.type !== 'post') return [[], stored];
  return [post.events.map(({ id }) => id.replace('uid-pg-manager/storage/', '')), written(post.then)];
}

test('H61 whatever is seen and whenever the sink is up, each outage and each recovery is told once, in turn', () => {
  const step = fc.record({ verdict: fc.constantFrom(ok, noBucket, notReady, wrongName), sinkUp: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let stored: StorageCondition | undefined;
      const heard: string[] = [];
      const changes: string[] = [];
      // The sink comes back at the end at the latest, and before more is owed than the field has room for.
      for (const [index, { verdict, sinkUp }] of [...steps, { verdict: notReady, sinkUp: true }].entries()) {
        const at = slot + index * 900;
        stored = looked(stored, verdict, at);
        const { state = 'unknown' } = stored ?? {};
        if (state !== 'unknown' && changes.at(-1)?.split('/')[0] !== state) changes.push(`${state}/${rfc3339(at)}`);
        if (!sinkUp && pendingChanges(stored ?? {}).length < 6) continue;
        const [now, after] = told(stored, at);
        heard.push(...now);
        stored = after;
      }
      assert.deepEqual(heard, changes);
    }),
  );
});

test('an announcement that never gets through stays within its field', () => {
  let stored: StorageCondition = available;
  for (let index = 0; index < 60; index += 1) {
    const verdict = index % 3 === 2 ? ok : noBucket;
    stored = written(decide({ now: slot + index * 900, manager: managerWith(stored), verdict }).commands) ?? stored;
    assert.ok((stored.announced ?? '').length <= 256, stored.announced);
  }
});

test('H22 an orphan is pointed to by its own id, which no PgBackup has as its name', () => {
  const [command] = orphanRequest({ ...found(), orphan: { id: 'uid-gone', kind: 'backup' } }, 'tick-1');
  assert.ok(command?.type === 'post');
  assert.deepEqual(command.events, [
    {
      type: 'pg.aidbox.look.v1',
      source: '/apis/apps/v1/namespaces/shop/statefulsets/postgres',
      id: 'tick-1/backup/uid-gone',
      subject: 'statefulset/shop/postgres',
      extensions: { pgpurpose: 'backup' },
      data: { namespace: 'shop', name: 'uid-gone', purpose: 'backup', statefulSet: 'postgres' },
    },
  ]);
  assert.deepEqual(orphanRequest(found(), 'tick-1'), []);
});
