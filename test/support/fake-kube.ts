/**
 * An API server in memory, as far as the functions use one: resourceVersion and uid preconditions, server-side apply with
 * one set of fields per manager, selectors, pages, and the rule that a PgBackup's outcome never changes. What it promises
 * is held against the real one by test/contract/fake-kube.test.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import { DateTime } from 'luxon';
import { requestError, type RequestError } from '../../functions/domain/request-error.ts';
import { rfc3339, type UnixSeconds } from '../../functions/domain/time.ts';
import type { ApplyOptions, Kube, Page, Selection } from '../../functions/platform/kubernetes/client.ts';

interface Stored {
  readonly metadata: Record<string, unknown> & { name: string; namespace: string; uid: string };
  readonly [key: string]: unknown;
}

/** One call that changed something, or tried to. */
export interface Write {
  readonly verb: 'apply' | 'create' | 'remove';
  readonly path: string;
}

export interface FakeKube extends Kube {
  /** The API server's clock. */
  now: UnixSeconds;
  readonly writes: Write[];
  /** Called before every call; a failure that it gives is thrown. */
  refuse: (verb: string, path: string) => RequestError | undefined;
  /** Stores an object as it is; another of its name is replaced. */
  put(...objects: readonly object[]): void;
  /** The stored object, unparsed. */
  read(path: string): unknown;
  /** All stored objects of a collection (path without namespace is all namespaces). */
  all(path: string): unknown[];
  /** Makes all list tokens given so far answer 410. */
  expireTokens(): void;
}

const plurals: Readonly<Record<string, string>> = {
  PgManager: '/apis/aidbox.pg/v01|pgmanagers',
  PgBackup: '/apis/aidbox.pg/v01|pgbackups',
  PingSource: '/apis/sources.knative.dev/v1|pingsources',
  StatefulSet: '/apis/apps/v1|statefulsets',
  Pod: '/api/v1|pods',
  Event: '/api/v1|events',
};

export function createFakeKube(now: UnixSeconds, ...objects: readonly object[]): FakeKube {
  const store = new Map<string, Stored>();
  /** What each field manager applied last, by object and status or not. */
  const applied = new Map<string, Record<string, unknown>>();
  let version = 100;
  let answered = false;
  let oldestToken = 0;
  let tokens = 0;

  function enter(verb: string, path: string): void {
    const refused = fake.refuse(verb, path);
    if (refused !== undefined) throw refused;
    answered = true;
    if (verb !== 'get' && verb !== 'list') fake.writes.push({ verb: verb as Write['verb'], path });
  }

  function save(path: string, object: Stored): Stored {
    version += 1;
    const saved = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    store.set(path, saved);
    return saved;
  }

  function made(path: string, object: object): Stored {
    const metadata = (object as Stored).metadata;
    return save(path, {
      ...object,
      metadata: {
        ...metadata,
        uid: metadata.uid ?? `uid-${metadata.name}-${version}`,
        creationTimestamp: metadata['creationTimestamp'] ?? rfc3339(fake.now),
      },
    });
  }

  function patched(path: string, body: Record<string, unknown>, options: ApplyOptions): Stored {
    const status = options.subresource === 'status';
    const old = store.get(path);
    const { metadata = {}, ...rest } = body as { metadata?: Record<string, unknown> };
    checkPreconditions(old, metadata, status);
    if (old === undefined && status) throw requestError.of(404, 'NotFound', `${path} not found`);
    const owner = `${path} ${options.fieldManager} ${status}`;
    const { status: newStatus, ...main } = rest as Record<string, unknown>;
    const fields = status ? { status: newStatus } : { ...main, metadata: without(metadata, preconditionKeys) };
    const base = old === undefined ? {} : givenUp(old, applied.get(owner) ?? {}, []);
    const next = mergedFields(base, fields, []) as unknown as Stored;
    checkOutcome(old, next);
    applied.set(owner, fields);
    if (old === undefined) return made(path, next);
    return isDeepStrictEqual(old, next) ? old : save(path, next);
  }

  /** A token is its number and the path that the last page ended at. */
  function page(all: readonly [string, Stored][], { limit = 500, continue: given = '0|' }: Selection): Page {
    const [token, after = ''] = given.split('|');
    if (token !== '0' && Number(token) < oldestToken)
      throw requestError.of(410, 'Expired', 'the provided continue parameter is too old');
    const rest = all.filter(([at]) => at > after);
    const items = rest.slice(0, limit).map(([, object]) => structuredClone(object));
    if (rest.length <= limit) return { items, continue: undefined };
    tokens += 1;
    return { items, continue: `${tokens}|${rest[limit - 1]?.[0] ?? ''}` };
  }

  const fake: FakeKube = {
    now,
    writes: [],
    refuse: () => undefined,
    put: (...given) => given.forEach((object) => void made(pathOf(object as Stored), object)),
    read: (path) => structuredClone(store.get(path)),
    all: (path) => matching(store, path, {}).map(([, object]) => structuredClone(object)),
    expireTokens: () => void (oldestToken = tokens + 1),
    serverTime: () => (answered ? DateTime.fromSeconds(fake.now, { zone: 'utc' }) : undefined),
    close: () => undefined,
    get: (path) =>
      settled(() => {
        enter('get', path);
        return structuredClone(store.get(path));
      }),
    list: (path, selection = {}) =>
      settled(() => {
        enter('list', path);
        return page(matching(store, path, selection), selection);
      }),
    apply: (path, object, options) =>
      settled(() => {
        enter('apply', path);
        return structuredClone(patched(path, structuredClone(object) as Record<string, unknown>, options));
      }),
    create: (path, object) =>
      settled(() => {
        enter('create', path);
        const at = `${path}/${(object as Stored).metadata.name}`;
        if (store.has(at)) return 'exists';
        made(at, structuredClone(object));
        return 'created';
      }),
    remove: (path, uid) =>
      settled(() => {
        enter('remove', path);
        const found = store.get(path);
        if (found === undefined || (uid !== undefined && found.metadata.uid !== uid)) return 'gone';
        store.delete(path);
        return 'removed';
      }),
  };
  fake.put(...objects);
  return fake;
}

/** As a promise, whatever it throws. */
async function settled<T>(call: () => T): Promise<T> {
  return Promise.resolve().then(call);
}

function pathOf(object: Stored): string {
  const [base, plural] = (plurals[object['kind'] as string] ?? '|').split('|');
  return `${base}/namespaces/${object.metadata.namespace}/${plural}/${object.metadata.name}`;
}

/** Objects of a collection in the order of their paths, as etcd has them. */
function matching(store: ReadonlyMap<string, Stored>, path: string, selection: Selection): [string, Stored][] {
  const pattern = path.includes('/namespaces/') ? `${path}/` : undefined;
  const plural = path.split('/').at(-1);
  return [...store]
    .filter(([at]) => (pattern === undefined ? at.split('/').at(-2) === plural : at.startsWith(pattern)))
    .filter(([, object]) => selects(selection.fieldSelector, (field) => at(object, field.split('.'))))
    .filter(([, object]) => selects(selection.labelSelector, (key) => at(object, ['metadata', 'labels', key])))
    .sort(([left], [right]) => (left < right ? -1 : 1));
}

/** `a=b,c!=d`; a field that is not there is the empty text. */
function selects(selector: string | undefined, value: (key: string) => unknown): boolean {
  return (selector ?? '')
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      const [, key = '', not, wanted] = /^([^!=]+)(!?)=(.*)$/.exec(term) ?? [];
      return ((value(key) ?? '') === wanted) !== (not === '!');
    });
}

function at(object: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], object);
}

const preconditionKeys = ['resourceVersion', 'uid'];

/** Of a status only the version is compared; a namesake has another one. */
function checkPreconditions(old: Stored | undefined, metadata: Record<string, unknown>, isStatus: boolean): void {
  for (const key of isStatus ? ['resourceVersion'] : preconditionKeys) {
    if (metadata[key] !== undefined && old !== undefined && old.metadata[key] !== metadata[key])
      throw requestError.of(409, 'Conflict', `${old.metadata.name}: ${key} is not the one asked for`);
  }
}

/** The CEL rule of the PgBackup CRD. */
function checkOutcome(old: Stored | undefined, next: Stored): void {
  if (next['kind'] !== 'PgBackup') return;
  const state = at(old, ['status', 'state']);
  if (state !== 'success' && state !== 'error') return;
  for (const key of ['state', 'finishTime'])
    if (at(old, ['status', key]) !== at(next, ['status', key]))
      throw requestError.of(
        422,
        'Invalid',
        `PgBackup ${next.metadata.name}: status.${key} of a finished run never changes`,
      );
}

function without(map: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)));
}

/** Blocks that the CRDs call atomic: an apply replaces them whole, whoever wrote them before. */
const atomic = /^status\/(?:schedule|conditions\/\w+|backup|executor)$/;

type Fields = Readonly<Record<string, unknown>>;

function mergedFields(base: Fields, change: Fields, above: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const path = [...above, key];
    const old = result[key];
    const merges = isMap(old) && isMap(value) && !atomic.test(path.join('/'));
    result[key] = merges ? mergedFields(old, value, path) : value;
  }
  return result;
}

/** The object without what this field manager applied last: what it leaves out now is given up. */
function givenUp(object: Fields, owned: Fields, above: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(object).flatMap(([key, value]): [string, unknown][] => {
    if (!(key in owned)) return [[key, value]];
    const path = [...above, key];
    const inner = owned[key];
    if (!isMap(value) || !isMap(inner) || atomic.test(path.join('/'))) return [];
    const rest = givenUp(value, inner, path);
    return Object.keys(rest).length === 0 ? [] : [[key, rest]];
  });
  return Object.fromEntries(entries);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
