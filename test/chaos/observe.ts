/** Looks at a case from outside: the API server, the storage, the processes, the events; never the functions. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseLossless } from '../../functions/domain/catalogue/lossless-json.ts';
import { eventually } from '../support/eventually.ts';
import { isProbe, livingRuns } from './processes.ts';
import { secret, type Fixture } from './fixture.ts';
import type { Announcement, Seen, StoredBackup, SeenKubernetesEvent } from './seen.ts';
import { callsIn } from './wal-g.ts';

interface Listed {
  readonly backup_name: string;
  readonly start_lsn: string;
  readonly finish_lsn: string;
  readonly user_data?: { readonly aidboxops?: { readonly uid: string } };
}

interface KubernetesEvent {
  readonly type: string;
  readonly reason: string;
  readonly involvedObject: { readonly uid: string };
}

/** Everything of this case. */
export async function observe(fixture: Fixture): Promise<Seen> {
  const { history, namespace, cluster, subject } = fixture;
  const manager = await cluster.pgm();
  const events = await list<KubernetesEvent>(fixture, 'events');
  const timers = await list<{ metadata: { name: string } }>(fixture, 'pingsources');
  const backups = history.backups(namespace);
  const uids = [manager.metadata.uid, ...backups.map(({ uid }) => uid)];
  const announced = announcements(fixture, uids);
  return {
    manager,
    slots: subject.slot === undefined ? [] : [subject.slot],
    backups,
    stored: await storedBackups(fixture),
    calls: callsIn(fixture.calls),
    alive: await livingLong(fixture.prefix),
    lockIsHeld: await isLocked(fixture),
    timers: timers.map(({ metadata }) => metadata.name),
    events: events.map(({ involvedObject, reason, type }): SeenKubernetesEvent => ({
      uid: involvedObject.uid,
      type,
      reason,
    })),
    announced,
    texts: [JSON.stringify([manager, backups, events, timers, announced]), ...logsOf(fixture)].join('\n'),
    secret,
  };
}

/** A probe may begin at any moment and ends by itself within this (seconds); a run that is alive now is one too many. */
const probeLastsAtMost = 30;

async function livingLong(prefix: string): Promise<string[]> {
  const probesEnded = (): boolean => !livingRuns(prefix).some(isProbe);
  await eventually('the end of probes', probesEnded, probeLastsAtMost).catch(() => undefined);
  return livingRuns(prefix);
}

async function list<T>({ namespace, cluster }: Fixture, kind: string): Promise<T[]> {
  const text = await cluster.kubectl('get', kind, '-n', namespace, '-o', 'json');
  return (JSON.parse(text) as { items: T[] }).items;
}

async function storedBackups(fixture: Fixture): Promise<StoredBackup[]> {
  const text = await fixture.cluster.databaseIn('postgres-0').asOwner('wal-g backup-list --detail --json');
  const listed = (text.trim() === '' ? [] : parseLossless(text)) as Listed[];
  const wal = new Set(segmentsIn(fixture.prefix));
  return listed
    .map((entry) => ({
      name: entry.backup_name,
      uid: entry.user_data?.aidboxops?.uid,
      missingWal: segmentsOf(entry).filter((segment) => !wal.has(segment)),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function segmentsIn(prefix: string): string[] {
  const directory = join(prefix, 'wal_005');
  return existsSync(directory) ? readdirSync(directory).map((name) => name.slice(0, 24)) : [];
}

const segmentSize = 16n * 1024n * 1024n;
const segmentsPerLog = 0x100000000n / segmentSize;

/** Names of the segments from start to finish, on the timeline of the backup's name. */
function segmentsOf({ backup_name: name, finish_lsn: finish, start_lsn: start }: Listed): string[] {
  const timeline = name.slice('base_'.length, 'base_'.length + 8);
  const [first, last] = [BigInt(start) / segmentSize, (BigInt(finish) - 1n) / segmentSize];
  return Array.from({ length: Number(last - first) + 1 }, (_, at) => {
    const number = first + BigInt(at);
    return `${timeline}${hex(number / segmentsPerLog)}${hex(number % segmentsPerLog)}`;
  });
}

function hex(number: bigint): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}

/** The lock of the runner: flock on the data directory. */
async function isLocked(fixture: Fixture): Promise<boolean> {
  const database = fixture.cluster.databaseIn('postgres-0');
  return (await database.asOwner('flock -n "$PGDATA" echo free || echo held')).trim() === 'held';
}

/** Our own events about these objects that the Broker took. Its consumers may have missed some. */
function announcements(fixture: Fixture, uids: readonly string[]): Announcement[] {
  const types = new Map<string, string>();
  for (const one of fixture.observations) {
    if (one.kind !== 'event' || !one.event.type.startsWith('pg.aidbox.')) continue;
    if (uids.some((uid) => one.event.id.startsWith(`${uid}/`))) types.set(one.event.id, one.event.type);
  }
  return [...types].map(([id, type]) => ({ id, type, facts: fixture.factsOf(id) }));
}

function logsOf({ environment }: Fixture): string[] {
  const logs = environment.functions().map(({ log }) => log);
  // A function that never ran has written nothing.
  return logs.filter((log) => existsSync(log)).map((log) => readFileSync(log, 'utf8'));
}
