/**
 * An API server in memory, as far as the functions use one: objects with uid and resourceVersion, preconditions, server-side
 * apply with one set of fields per field manager, the rule that the outcome of a PgBackup never changes, selectors, pages,
 * watches. Unit tests and the simulation share it; test/contract/fake-kube.test.ts holds it against a real API server.
 * Stored objects are never changed in place, so readers may keep what they were given.
 */
import { isDeepStrictEqual } from 'node:util';
import type { DateTime } from 'luxon';
import { requestError } from '../../functions/domain/request-error.ts';
import { rfc3339, type UnixSeconds } from '../../functions/domain/time.ts';
import type { ApplyOptions, Kube, Page, Selection } from '../../functions/platform/kubernetes/client.ts';
import { createSelector } from './selector.ts';

export type Plain = Readonly<Record<string, unknown>>;

export interface Stored {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly status?: unknown;
  readonly [key: string]: unknown;
}

/** What a watch reports. `old` is absent for an addition. */
export interface Change {
  readonly verb: 'add' | 'update' | 'delete';
  readonly path: string;
  readonly object: Stored;
  readonly old?: Stored | undefined;
}

export interface ApiModel {
  /** Rises with every write. */
  version(): number;
  get(path: string): Stored | undefined;
  /** Returns all objects of a kind, oldest first. */
  all(plural: string): Stored[];
  list(path: string, selection: Selection): Page;
  apply(path: string, object: Plain, options: ApplyOptions): Stored;
  /** Writes as a person or controller does: replaces parts of the object, whoever owns them. */
  edit(path: string, change: (object: Stored) => Plain): void;
  /** Returns undefined when the name is taken. */
  create(path: string, object: Plain): Stored | undefined;
  /** Returns false when the object is gone, or the name is another incarnation's. */
  remove(path: string, uid?: string): boolean;
  watch(listener: (change: Change) => void): void;
  /** Makes list tokens given until now, and the next one, answer 410: the history is compacted between two pages. */
  expireTokens(): void;
  /** Refuses everything new in this namespace. */
  terminate(namespace: string): void;
}

/** What is outside of the model. */
export interface Surroundings {
  now(): UnixSeconds;
  /** Returns a uid for a new object. */
  newUid(name: string): string;
}

export function createApiModel(surroundings: Surroundings): ApiModel {
  /** plural → path → object. */
  const stores = new Map<string, Map<string, Stored>>();
  /** What each field manager applied last, by path, field manager and subresource. */
  const applied = new Map<string, Plain>();
  const listeners: ((change: Change) => void)[] = [];
  const terminating = new Set<string>();
  let version = 1000;
  let tokens = 0;
  let oldestToken = 0;

  function storeOf(path: string): Map<string, Stored> {
    const end = path.lastIndexOf('/');
    const plural = path.slice(path.lastIndexOf('/', end - 1) + 1, end);
    let store = stores.get(plural);
    if (store === undefined) stores.set(plural, (store = new Map<string, Stored>()));
    return store;
  }

  function report(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  function save(path: string, object: Plain): Stored {
    version += 1;
    const store = storeOf(path);
    const old = store.get(path);
    const metadata = { ...(object['metadata'] as Plain), resourceVersion: String(version) };
    const saved = { ...object, metadata } as unknown as Stored;
    store.set(path, saved);
    report({ verb: old === undefined ? 'add' : 'update', path, object: saved, old });
    return saved;
  }

  /** What a test gives may have uid and time of creation already. */
  function make(path: string, object: Plain): Stored {
    const metadata = object['metadata'] as Stored['metadata'];
    if (terminating.has(metadata.namespace))
      throw requestError.of(403, 'Forbidden', `${path}: unable to create new content because it is being terminated`);
    const given: Partial<Stored['metadata']> = metadata;
    const uid = given.uid ?? surroundings.newUid(metadata.name);
    const creationTimestamp = given.creationTimestamp ?? rfc3339(surroundings.now());
    return save(path, { ...object, metadata: { ...metadata, uid, creationTimestamp } });
  }

  function apply(path: string, object: Plain, options: ApplyOptions): Stored {
    const old = storeOf(path).get(path);
    const isStatus = options.subresource === 'status';
    const fields = isStatus ? { status: object['status'] } : mainFields(object);
    const owner = `${path} ${options.fieldManager} ${isStatus}`;
    if (old === undefined) {
      if (isStatus) throw requestError.of(404, 'NotFound', `${path} not found`);
      applied.set(owner, fields);
      return make(path, fields);
    }
    checkPreconditions(old, object['metadata'] as Plain, isStatus);
    const next = merged(givenUp(old, applied.get(owner) ?? {}, ''), fields, '');
    checkOutcome(old, next);
    applied.set(owner, fields);
    return isDeepStrictEqual(old, next) ? old : save(path, next);
  }

  /** A token is its number and the path that the last page ended at. */
  function list(path: string, selection: Selection): Page {
    const { limit = 500, continue: given = '0|' } = selection;
    const [token = '0', after = ''] = given.split('|');
    if (token !== '0' && Number(token) <= oldestToken)
      throw requestError.of(410, 'Expired', 'the provided continue parameter is too old');
    const rest = selected(storeOf(`${path}/x`), { path, after, selection });
    const items = rest.slice(0, limit).map(([, object]) => object);
    if (rest.length <= limit) return { items, continue: undefined };
    tokens += 1;
    return { items, continue: `${tokens}|${rest[limit - 1]![0]}` };
  }

  return {
    version: () => version,
    get: (path) => storeOf(path).get(path),
    all: (plural) => [...(stores.get(plural)?.values() ?? [])],
    list,
    apply,
    edit: (path, change) => {
      const old = storeOf(path).get(path);
      if (old === undefined) return;
      const next = save(path, change(old));
      // An update takes over what it changes: a field manager that leaves it out later does not remove it.
      for (const [key, owned] of applied) if (key.startsWith(`${path} `)) applied.set(key, stillOwned(owned, next));
    },
    create: (path, object) => {
      const at = `${path}/${(object as unknown as Stored).metadata.name}`;
      return storeOf(at).has(at) ? undefined : make(at, object);
    },
    remove: (path, uid) => {
      const found = storeOf(path).get(path);
      if (found === undefined || (uid !== undefined && uid !== found.metadata.uid)) return false;
      version += 1;
      storeOf(path).delete(path);
      for (const key of applied.keys()) if (key.startsWith(`${path} `)) applied.delete(key);
      report({ verb: 'delete', path, object: found, old: found });
      return true;
    },
    watch: (listener) => void listeners.push(listener),
    expireTokens: () => void (oldestToken = tokens + 1),
    terminate: (namespace) => void terminating.add(namespace),
  };
}

/** What happens around each call: it may refuse, take time, or lose the answer. */
export type Passage = <T>(verb: string, path: string, work: () => T) => Promise<T>;

/** Gives the functions their client of a model. */
export function kubeOf(model: ApiModel, passage: Passage, serverTime: () => DateTime | undefined): Kube {
  return {
    get: (path) => passage('get', path, () => model.get(path)),
    list: (path, selection = {}) => passage('list', path, () => model.list(path, selection)),
    apply: (path, object, options) => passage('apply', path, () => model.apply(path, object as Plain, options)),
    create: (path, object) =>
      passage('create', `${path}/${(object as Stored).metadata.name}`, () =>
        model.create(path, object as Plain) === undefined ? 'exists' : 'created',
      ),
    remove: (path, uid) => passage('remove', path, () => (model.remove(path, uid) ? 'removed' : 'gone')),
    serverTime,
    close: () => undefined,
  };
}

interface Query {
  readonly path: string;
  /** The last path of the page before. */
  readonly after: string;
  readonly selection: Selection;
}

/** Returns objects of a collection in the order of their paths, as etcd has them. */
function selected(store: ReadonlyMap<string, Stored>, { path, after, selection }: Query): [string, Stored][] {
  const prefix = path.includes('/namespaces/') ? `${path}/` : '';
  const matches = createSelector(selection);
  const found: [string, Stored][] = [];
  for (const [at, object] of store)
    if (at > after && at.startsWith(prefix) && matches(object)) found.push([at, object]);
  return found.sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Everything but the status; preconditions are no claim. */
function mainFields(object: Plain): Plain {
  const metadata = without(object['metadata'] as Plain, ['uid', 'resourceVersion']);
  return { ...without(object, ['status']), metadata };
}

function without(map: Plain, keys: readonly string[]): Plain {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)));
}

/** Of a status only the version is compared; a namesake has another one. */
function checkPreconditions(old: Stored, wanted: Plain, isStatus: boolean): void {
  for (const key of ['resourceVersion', ...(isStatus ? [] : ['uid'])] as const)
    if (wanted[key] !== undefined && wanted[key] !== (old.metadata as Plain)[key])
      throw requestError.of(409, 'Conflict', `${old.metadata.name}: the object has been modified`);
}

/** Says whether this is a PgBackup whose outcome is known. */
export function isFinal({ status }: { readonly status?: unknown }): boolean {
  const state = (status as Plain | undefined)?.['state'];
  return state === 'success' || state === 'error';
}

/** The CEL rule of the PgBackup CRD. */
function checkOutcome(old: Stored, next: Plain): void {
  if (old.kind !== 'PgBackup' || !isFinal(old)) return;
  const [before, after] = [old['status'], next['status']] as [Plain, Plain | undefined];
  if (before['state'] !== after?.['state'] || before['finishTime'] !== after?.['finishTime'])
    throw requestError.of(422, 'Invalid', `PgBackup ${old.metadata.name}: a finished PgBackup never changes`);
}

/** Blocks that the CRDs call atomic: an apply replaces them whole, whoever wrote them before. */
const atomic = /^\/status\/(?:schedule|conditions\/\w+|backup|executor)$/;

/** The object without what this field manager applied last: what it leaves out now is given up. */
function givenUp(object: Plain, owned: Plain, above: string): Plain {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    const inner = owned[key];
    if (inner === undefined) kept[key] = value;
    else if (isDivisible(value, inner, `${above}/${key}`)) {
      const rest = givenUp(value as Plain, inner as Plain, `${above}/${key}`);
      if (Object.keys(rest).length > 0) kept[key] = rest;
    }
  }
  return kept;
}

function merged(base: Plain, change: Plain, above: string): Plain {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const path = `${above}/${key}`;
    const old = result[key];
    result[key] = isDivisible(old, value, path) ? merged(old as Plain, value as Plain, path) : value;
  }
  return result;
}

function isDivisible(one: unknown, other: unknown, path: string): boolean {
  return isMap(one) && isMap(other) && !atomic.test(path);
}

/** The part of what a field manager applied that still has its value. */
function stillOwned(owned: Plain, object: Plain): Plain {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(owned)) {
    const now = object[key];
    if (isMap(value) && isMap(now)) kept[key] = stillOwned(value, now);
    else if (isDeepStrictEqual(value, now)) kept[key] = value;
  }
  return kept;
}

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
