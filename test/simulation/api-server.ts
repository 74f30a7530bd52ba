/**
 * The API server: objects with uid and resourceVersion, server-side apply of one field manager's set, the rule that a
 * PgBackup's outcome never changes, selectors, pages, owner references, watch. Stored objects are never changed in
 * place: readers may keep what they were given.
 */
import { isDeepStrictEqual } from 'node:util';
import { requestError } from '../../functions/domain/request-error.ts';
import { label } from '../../functions/domain/resources/names.ts';
import { rfc3339 } from '../../functions/domain/time.ts';
import type { ApplyOptions, Page, Selection } from '../../functions/platform/kubernetes/client.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
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
  readonly [key: string]: unknown;
}

/** What watchers are told. `old` is absent for an addition, `by` is the field manager of an apply. */
export interface Change {
  readonly verb: 'add' | 'update' | 'delete';
  readonly path: string;
  readonly object: Stored;
  readonly old?: Stored | undefined;
  readonly by?: string | undefined;
}

/** Rules of a real API server that a planted bug may switch off. */
export interface Rules {
  /** CEL: state and finishTime of a finished PgBackup never change. */
  finalStates: boolean;
  /** 409 for a write that was decided from an older version. */
  resourceVersions: boolean;
}

export interface ApiServer {
  readonly rules: Rules;
  /** Rises with every write. */
  version(): number;
  get(path: string): Stored | undefined;
  all(plural: string): Stored[];
  list(path: string, selection: Selection): Page;
  apply(path: string, object: Plain, options: ApplyOptions): Stored;
  /** A person's or controller's write: replaces parts of the object, whoever owns them. */
  edit(path: string, change: (object: Stored) => Plain): void;
  create(path: string, object: Plain): Stored | undefined;
  /** False when it or the name is gone, or the name is another incarnation's. */
  remove(path: string, uid?: string): boolean;
  watch(listener: (change: Change) => void): void;
  /** List tokens given until now, and the next one, answer 410: the history is compacted between two pages. */
  expireTokens(): void;
  /** Creations and server-side creations in this namespace are refused. */
  terminate(namespace: string): void;
}

/** `seen` is told of refusals that show a hard case. */
export function createApiServer(scheduler: Scheduler, random: Random, seen: (text: string) => void): ApiServer {
  /** plural → path → object. */
  const stores = new Map<string, Map<string, Stored>>();
  const applied = new Map<string, Plain>();
  const listeners: ((change: Change) => void)[] = [];
  const terminating = new Set<string>();
  const rules: Rules = { finalStates: true, resourceVersions: true };
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

  function tell(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  function save(path: string, object: Plain, by?: string): Stored {
    version += 1;
    const store = storeOf(path);
    const old = store.get(path);
    const saved = {
      ...object,
      metadata: { ...(object['metadata'] as Plain), resourceVersion: String(version) },
    } as unknown as Stored;
    store.set(path, saved);
    tell({ verb: old === undefined ? 'add' : 'update', path, object: saved, old, by });
    return saved;
  }

  function make(path: string, object: Plain, by?: string): Stored {
    const metadata = object['metadata'] as Plain;
    if (terminating.has(metadata['namespace'] as string)) {
      throw requestError.of(403, 'Forbidden', `${path}: unable to create new content because it is being terminated`);
    }
    const made = save(
      path,
      {
        ...object,
        metadata: { ...metadata, uid: uidFrom(random), creationTimestamp: rfc3339(scheduler.now() / 1000) },
      },
      by,
    );
    for (const { uid } of made.metadata.ownerReferences ?? []) if (!isAlive(uid)) collectGarbage(uid);
    return made;
  }

  function isAlive(uid: string): boolean {
    return [...stores.values()].some((store) => [...store.values()].some(({ metadata }) => metadata.uid === uid));
  }

  function drop(path: string): void {
    const store = storeOf(path);
    const old = store.get(path);
    if (old === undefined) return;
    version += 1;
    store.delete(path);
    for (const key of applied.keys()) if (key.startsWith(`${path} `)) applied.delete(key);
    tell({ verb: 'delete', path, object: old, old });
    collectGarbage(old.metadata.uid);
  }

  /** Dependents go some time after their owner. */
  function collectGarbage(owner: string): void {
    for (const [path, object] of stores.get('pingsources') ?? []) {
      if (object.metadata.ownerReferences?.some(({ uid }) => uid === owner) !== true) continue;
      scheduler.at(scheduler.now() + random.between(500, 30_000), () => void remove(path, object.metadata.uid));
    }
  }

  /** PingSources have a finalizer: they are seen as being deleted for a while. */
  function remove(path: string, uid?: string): boolean {
    const found = storeOf(path).get(path);
    if (found === undefined || (uid !== undefined && uid !== found.metadata.uid)) return false;
    if (found.kind !== 'PingSource') {
      drop(path);
      return true;
    }
    if (found.metadata.deletionTimestamp !== undefined) return true;
    const deletionTimestamp = rfc3339(scheduler.now() / 1000);
    save(path, { ...found, metadata: { ...found.metadata, deletionTimestamp } });
    scheduler.at(scheduler.now() + random.between(20, 4_000), () => drop(path));
    return true;
  }

  function apply(path: string, object: Plain, options: ApplyOptions): Stored {
    const old = storeOf(path).get(path);
    const fields = fieldsOf(object, options);
    const owner = `${path} ${options.fieldManager} ${options.subresource ?? ''}`;
    if (old === undefined) {
      if (options.subresource === 'status') throw requestError.of(404, 'NotFound', `${path} not found`);
      applied.set(owner, fields);
      return make(path, fields, options.fieldManager);
    }
    checkPreconditions(rules, old, object['metadata'] as Plain, () => {
      if (isFinal(old) && !isFinal(fields)) seen('stale write on a finished PgBackup');
    });
    const next = merged(givenUp(old, applied.get(owner) ?? {}), fields);
    if (rules.finalStates) checkOutcome(old, next);
    applied.set(owner, fields);
    return isDeepStrictEqual(old, next) ? old : save(path, next, options.fieldManager);
  }

  function list(path: string, selection: Selection): Page {
    const { limit = 500, continue: given = '0|' } = selection;
    const [token = '0', after = ''] = given.split('|');
    if (token !== '0' && Number(token) <= oldestToken) {
      seen('a list token has expired');
      throw requestError.of(410, 'Expired', 'the provided continue parameter is too old');
    }
    const rest = selected(storeOf(`${path}/x`), { path, after, selection });
    const items = rest.slice(0, limit).map(([, object]) => object);
    if (rest.length <= limit) return { items, continue: undefined };
    tokens += 1;
    return { items, continue: `${tokens}|${rest[limit - 1]![0]}` };
  }

  return {
    rules,
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
      const there = storeOf(at).get(at);
      if (there === undefined) return make(at, object);
      if (isSameSlot(there, object as unknown as Stored)) seen('two activations make the same PgBackup');
      return undefined;
    },
    remove,
    watch: (listener) => void listeners.push(listener),
    expireTokens: () => void (oldestToken = tokens + 1),
    terminate: (namespace) => void terminating.add(namespace),
  };
}

interface Query {
  readonly path: string;
  /** The last path of the page before. */
  readonly after: string;
  readonly selection: Selection;
}

function selected(store: ReadonlyMap<string, Stored>, { path, after, selection }: Query): [string, Stored][] {
  const prefix = path.includes('/namespaces/') ? `${path}/` : '';
  const matches = createSelector(selection);
  const found: [string, Stored][] = [];
  for (const [at, object] of store)
    if (at > after && at.startsWith(prefix) && matches(object)) found.push([at, object]);
  return found.sort(([left], [right]) => (left < right ? -1 : 1));
}

function isSameSlot(one: Stored, other: Stored): boolean {
  const manager = one.metadata.labels?.[label.managerUid];
  return manager !== undefined && manager === other.metadata.labels?.[label.managerUid];
}

function uidFrom(random: Random): string {
  const part = (): string => random.between(0, 0xffff_ffff).toString(16).padStart(8, '0');
  return `${part()}-${part()}`;
}

/** What an apply claims: the status, or everything else; preconditions are no claim. */
function fieldsOf(object: Plain, { subresource }: ApplyOptions): Plain {
  if (subresource === 'status') return { status: object['status'] };
  const kept = Object.entries(object).filter(([key]) => key !== 'status');
  const metadata = Object.entries(object['metadata'] as Plain).filter(
    ([key]) => key !== 'uid' && key !== 'resourceVersion',
  );
  return { ...Object.fromEntries(kept), metadata: Object.fromEntries(metadata) };
}

function isFinal(object: Plain): boolean {
  const state = (object['status'] as Plain | undefined)?.['state'];
  return state === 'success' || state === 'error';
}

function checkPreconditions(rules: Rules, old: Stored, wanted: Plain, refused: () => void): void {
  const version = wanted['resourceVersion'];
  const stale = version !== undefined && version !== old.metadata.resourceVersion && rules.resourceVersions;
  const namesake = wanted['uid'] !== undefined && wanted['uid'] !== old.metadata.uid && rules.resourceVersions;
  if (!stale && !namesake) return;
  refused();
  throw requestError.of(409, 'Conflict', `${old.metadata.name}: the object has been modified`);
}

/** The CEL rule of the PgBackup CRD. */
function checkOutcome(old: Stored, next: Plain): void {
  if (old.kind !== 'PgBackup') return;
  const [before, after] = [old['status'], next['status']] as [Plain | undefined, Plain | undefined];
  if (!isFinal(old)) return;
  if (before?.['state'] !== after?.['state'] || before?.['finishTime'] !== after?.['finishTime'])
    throw requestError.of(422, 'Invalid', `PgBackup ${old.metadata.name}: a finished PgBackup never changes`);
}

/** The object without the leaves that this field manager applied last: those that it leaves out now are given up. */
function givenUp(object: Plain, owned: Plain): Plain {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    const inner = owned[key];
    if (inner === undefined) kept[key] = value;
    else if (isMap(value) && isMap(inner)) {
      const rest = givenUp(value, inner);
      if (Object.keys(rest).length > 0) kept[key] = rest;
    }
  }
  return kept;
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

function merged(base: Plain, change: Plain): Plain {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = result[key];
    result[key] = isMap(old) && isMap(value) ? merged(old, value) : value;
  }
  return result;
}

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
