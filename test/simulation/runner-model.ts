/** What the in-pod runner answers; each call here is one exec that arrived. */
import type {
  CatalogueAnswer,
  Inspection,
  ProbeAnswer,
  PruneAnswer,
  RunAddress,
  RunReport,
  RunState,
  StartAnswer,
  StartRequest,
  StopAnswer,
} from '../../functions/domain/run/protocol.ts';
import type { PrunableRun, RunnerResult } from '../../functions/domain/run/observed-run.ts';
import { segmentName } from './bucket.ts';
import { fileKey, identityOf, type Database, type RunFiles } from './database.ts';
import { launch, podTime, signal, type WalG } from './wal-g.ts';

function ok<T>(value: T): RunnerResult<T> {
  return { ok: true, value };
}

function holderOf({ lock }: Database): Inspection['holder'] {
  return lock === undefined || lock === 'unknown' ? lock : { id: lock.id, kind: lock.kind };
}

export function inspect(walG: WalG, database: Database, about: Partial<RunAddress>): RunnerResult<Inspection> {
  const { id, kind, dir = '' } = about;
  const run = id === undefined || kind === undefined ? undefined : reportOf(database, { id, kind, dir });
  return ok({
    podTime: podTime(walG, database),
    identity: identityOf(database),
    stopping: database.stopping,
    uid: 999,
    pgdata: '/data',
    systemIdentifier: database.systemIdentifier,
    role: 'primary',
    holder: holderOf(database),
    ...(database.obstacle === undefined ? {} : { obstacle: database.obstacle }),
    ...(run === undefined ? {} : { run }),
  });
}

function reportOf(database: Database, { id, kind, dir }: RunAddress): RunReport {
  const files = database.files.get(fileKey(dir, id));
  const log = files?.log ?? '';
  return {
    id,
    kind,
    state: stateOf(database, files, id),
    deadlineHit: false,
    tombstone: false,
    catalogueChanged: false,
    log: { head: '', tail: log, bytes: log.length },
    ...(files === undefined ? {} : factsOf(files)),
    ...errorsOf(log),
  };
}

function factsOf({ catalogueChanged, exit, startedAt, tombstone }: RunFiles): Partial<RunReport> {
  return {
    tombstone,
    catalogueChanged,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exit === undefined ? {} : { exitCode: exit.code, endedAt: exit.at, deadlineHit: exit.hit }),
  };
}

function errorsOf(log: string): Partial<RunReport> {
  const errors = log.split('\n').filter((line) => line.includes('ERROR'));
  const [first, last] = [errors[0], errors.at(-1)];
  return first === undefined || last === undefined ? {} : { firstError: first, lastError: last };
}

function stateOf({ lock }: Database, files: RunFiles | undefined, id: string): RunState {
  if (files?.exit !== undefined) return 'exited';
  if (lock !== undefined && lock !== 'unknown' && lock.id === id) return 'running';
  return files?.startedAt === undefined ? 'none' : 'died';
}

export function start(walG: WalG, database: Database, request: StartRequest): RunnerResult<StartAnswer> {
  const now = podTime(walG, database);
  const refusal = refusalOf(database, request, now);
  if (refusal !== undefined) return ok({ state: 'refused', podTime: now, detail: '', reason: refusal });
  const files = database.files.get(fileKey(request.dir, request.id));
  const own = files?.startedAt;
  if (database.lock !== undefined) return ok(busy(database, { id: request.id, now, own }));
  if (own !== undefined) {
    if (files?.exit === undefined) return ok({ state: 'refused', podTime: now, reason: 'died', detail: '' });
    return ok({ state: 'exited', podTime: now, startedAt: own });
  }
  launch(walG, database, request);
  return ok({ state: 'running', podTime: now, startedAt: now });
}

interface Asked {
  readonly id: string;
  readonly now: number;
  /** When this run was launched before. */
  readonly own: number | undefined;
}

function busy(database: Database, { id, now, own = now }: Asked): StartAnswer {
  const holder = holderOf(database);
  return holder !== 'unknown' && holder?.id === id
    ? { state: 'running', podTime: now, startedAt: own }
    : { state: 'busy', podTime: now, holder };
}

function refusalOf(
  database: Database,
  { dir, id, identity, notAfter }: StartRequest,
  now: number,
): Extract<StartAnswer, { state: 'refused' }>['reason'] | undefined {
  if (database.obstacle !== undefined) return 'obstacle';
  const own = identityOf(database);
  if (Object.entries(own).some(([key, value]) => identity[key as keyof typeof own] !== value)) return 'identity';
  if (database.files.get(fileKey(dir, id))?.tombstone === true) return 'tombstone';
  return now > notAfter ? 'not-after' : undefined;
}

export function stop(walG: WalG, database: Database, { dir, id, kind }: RunAddress): RunnerResult<StopAnswer> {
  const key = fileKey(dir, id);
  const files = database.files.get(key);
  if (files === undefined) {
    database.files.set(key, { id, kind, tombstone: true, catalogueChanged: false, log: '' });
  } else files.tombstone = true;
  const { lock } = database;
  const alive = lock !== undefined && lock !== 'unknown' && lock.id === id && lock.files.exit === undefined;
  if (alive) signal(walG, database, lock);
  return ok({ podTime: podTime(walG, database), state: alive ? 'signalled' : 'gone', tombstone: true });
}

export function catalogue(walG: WalG, database: Database, uid?: string): RunnerResult<CatalogueAnswer> {
  const { bucket } = database;
  const common = { podTime: podTime(walG, database), systemIdentifier: database.systemIdentifier };
  if (bucket.state === 'down') {
    return ok({ ...common, plain: false, ready: [], readyTotal: 0, error: 'ERROR: no route to storage' });
  }
  const ready: string[] = [];
  for (let at = bucket.lastWal + 1; at < database.segment; at += 1) ready.push(segmentName(at));
  const missing = [...bucket.missing].filter((at) => at >= bucket.firstWal && at <= bucket.lastWal).map(segmentName);
  return ok({
    ...common,
    backups: `[${bucket.entries.map(({ json }) => json).join(',')}]`,
    plain: bucket.detailBroken,
    parts: uid === undefined ? {} : partsOf(bucket),
    wal: JSON.stringify([
      {
        id: 1,
        start_segment: segmentName(bucket.firstWal),
        end_segment: segmentName(bucket.lastWal),
        missing_segments: missing,
      },
    ]),
    ready,
    readyTotal: ready.length,
    timeline: 1,
  });
}

/** Everything that the model stores is whole. */
function partsOf({ entries }: Database['bucket']): NonNullable<CatalogueAnswer['parts']> {
  const parts = [
    { name: 'part_001.tar.lz4', bytes: 1024 },
    { name: 'pg_control.tar.lz4', bytes: 400 },
  ];
  return Object.fromEntries(entries.map(({ name }) => [name, parts]));
}

export function probe(walG: WalG, database: Database): RunnerResult<ProbeAnswer> {
  const { bucket, obstacle } = database;
  const read = bucket.state !== 'down';
  // The words of a storage server differ each time.
  const detail = `ERROR: request ${walG.random.between(1, 1e6)} failed`;
  const outcome = (works: boolean): ProbeAnswer['read'] =>
    works ? { outcome: 'ok', detail: '' } : { outcome: 'failed', detail };
  return ok({
    podTime: podTime(walG, database),
    uid: 999,
    ...(obstacle === undefined ? {} : { obstacle }),
    walgVersion: 'v3.0.8',
    archiveMode: 'on',
    read: outcome(read),
    write: read ? outcome(bucket.state === 'ok') : { outcome: 'skipped', detail: '' },
    holder: holderOf(database),
  });
}

export function prune(
  walG: WalG,
  database: Database,
  { dir, runs }: { readonly dir: string; readonly runs: readonly PrunableRun[] },
): RunnerResult<PruneAnswer> {
  const { lock } = database;
  const held = lock === undefined || lock === 'unknown' ? undefined : lock.id;
  const pruned = runs.map(({ id }) => id).filter((id) => id !== held);
  for (const id of pruned) database.files.delete(fileKey(dir, id));
  return ok({ podTime: podTime(walG, database), pruned });
}
