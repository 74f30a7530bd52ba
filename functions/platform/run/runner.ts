/** Caller of the in-pod runner (runner.sh): builds its argv, reads its answers. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { defined } from '../../domain/defined.ts';
import type {
  CatalogueAnswer,
  Holder,
  Inspection,
  PodObstacle,
  ProbeAnswer,
  ProbeResult,
  PruneAnswer,
  RunAddress,
  RunKind,
  RunReport,
  StartAnswer,
  StartRequest,
  StopAnswer,
} from '../../domain/run/protocol.ts';
import { roleOf } from '../../domain/run/server-role.ts';
import { wholeWords } from '../../domain/text.ts';
import type { Exec, ExecResult, ExecTarget } from '../kubernetes/exec.ts';
import { runnerParts } from './runner-script.generated.ts';
import { backupList, storedParts, walgVersion, walShow } from './walg.ts';
import type { PrunableRun, RunnerProblem, RunnerResult } from '../../domain/run/observed-run.ts';

/** The runner in one database container. No method rejects. */
export interface Runner {
  /** Inspects: changes nothing and takes no lock. Makes `dir` when it is missing and may be made. */
  inspect(pod: ExecTarget, about?: Partial<RunAddress>): Promise<RunnerResult<Inspection>>;
  /** Starts a run at most once per id, whatever is repeated or late. */
  start(pod: ExecTarget, request: StartRequest): Promise<RunnerResult<StartAnswer>>;
  /** One step of stopping: see StopAnswer. */
  stop(pod: ExecTarget, run: RunAddress): Promise<RunnerResult<StopAnswer>>;
  /** Reads what is stored. With the UID of a run it hurries to what the proof of that run needs. */
  catalogue(pod: ExecTarget, uid?: string): Promise<RunnerResult<CatalogueAnswer>>;
  probe(pod: ExecTarget, options?: { readonly dir?: string }): Promise<RunnerResult<ProbeAnswer>>;
  /** Removes files of at most 40 runs a call; the answer says which. */
  prune(
    pod: ExecTarget,
    what: { readonly dir: string; readonly runs: readonly PrunableRun[] },
  ): Promise<RunnerResult<PruneAnswer>>;
}

/** Subcommands of runner.sh that are called from outside of the container. */
export type RunnerCommand = 'start' | 'inspect' | 'catalogue' | 'stop' | 'probe' | 'prune';

const execDeadlineMs = 20_000;
const catalogueDeadlineMs = 45_000;
const maxPrunedRuns = 40;
const maxLogChars = 64 * 1024;
/** The script cuts a line after 1000 bytes: whatever word it may have cut lies beyond this. */
const maxDetailBytes = 990;

type Arguments = readonly (readonly [key: string, value: string | number | undefined])[];

/** argv of one call: the parts of the script that `command` needs, then its arguments; undefined values are left out. */
export function runnerArguments(command: RunnerCommand, given: Arguments): string[] {
  const script = runnerParts
    .filter((part) => part.with.includes('*') || part.with.includes(command))
    .flatMap((part) => part.lines)
    .join('\n');
  const pairs = given.filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${value}`);
  return ['sh', '-c', 'eval "$1"', 'sh', script, command, ...pairs];
}

/** What a rotation compares under the lock: sha256 of the sorted names, joined by newlines. */
export function catalogueHash(names: readonly string[]): string {
  const sorted = names.map((name) => Buffer.from(name)).sort((one, other) => Buffer.compare(one, other));
  return createHash('sha256').update(sorted.join('\n')).digest('hex');
}

/** A Runner that reaches its containers through `exec`. */
export function createRunner(exec: Exec): Runner {
  async function ask<T>(
    pod: ExecTarget,
    command: RunnerCommand,
    given: Arguments,
    read: Reader<T>,
  ): Promise<RunnerResult<T>> {
    const timeoutMs = command === 'catalogue' ? catalogueDeadlineMs : execDeadlineMs;
    const result = await exec(pod, runnerArguments(command, given), { timeoutMs, untilEnd: true });
    // A start without a readable answer may have started all the same.
    return readAnswer(result, read, command === 'start' ? 'unknown' : 'transient');
  }
  return {
    inspect: (pod, about = {}) =>
      ask(
        pod,
        'inspect',
        [
          ['id', about.id],
          ['kind', about.kind],
          ['dir', about.dir],
        ],
        (fields, all) => readInspection(fields, all, about),
      ),
    start: (pod, request) => ask(pod, 'start', startArguments(request), readStart),
    stop: (pod, run) =>
      ask(
        pod,
        'stop',
        [
          ['id', run.id],
          ['kind', run.kind],
          ['dir', run.dir],
        ],
        (fields) => StopFields.parse(fields),
      ),
    catalogue: (pod, uid) => ask(pod, 'catalogue', [['id', uid]], readCatalogueAnswer),
    probe: (pod, options = {}) => ask(pod, 'probe', [['dir', options.dir]], readProbe),
    prune: (pod, { dir, runs }) =>
      ask(
        pod,
        'prune',
        [
          ['dir', dir],
          ...runs.slice(0, maxPrunedRuns).flatMap((run): Arguments => [
            ['name', run.name],
            ['id', run.id],
          ]),
        ],
        (fields, all) => ({
          ...PruneFields.parse(fields),
          pruned: (all.get('pruned') ?? []).filter((id) => runs.some((run) => run.id === id)),
        }),
      ),
  };
}

function startArguments(request: StartRequest): Arguments {
  const { identity } = request;
  const work: Arguments =
    request.kind === 'backup'
      ? [
          ['name', request.name],
          ['userdata', request.userData],
        ]
      : [
          ['cut', request.cut],
          ['names', catalogueHash(request.names)],
        ];
  return [
    ['id', request.id],
    ['kind', request.kind],
    ['dir', request.dir],
    ['host', identity.host],
    ['ticks', identity.ticks],
    ['boot', identity.boot],
    ['postmaster', identity.postmaster],
    ['notafter', request.notAfter],
    ['timeout', request.timeoutSeconds],
    ...work,
  ];
}

/** Last value of each key, and all values of it. */
type Fields = Readonly<Record<string, string>>;
type AllFields = ReadonlyMap<string, readonly string[]>;
type Reader<T> = (fields: Fields, all: AllFields) => T;

function readAnswer<T>(result: ExecResult, read: Reader<T>, without: 'transient' | 'unknown'): RunnerResult<T> {
  if (result.kind === 'timeout') return problem('timeout', 'no answer from the container in time');
  if (result.kind !== 'done') return problem(result.kind, result.message);
  const all = parseLines(result.stdout);
  if (all.get('end')?.at(-1) !== '1')
    return problem(without, `incomplete answer (exit code ${result.exitCode}): ${lastLine(result.stderr)}`);
  try {
    const fields = Object.fromEntries([...all].map(([key, values]) => [key, values.at(-1) ?? '']));
    return { ok: true, value: read(fields, all) };
  } catch (error) {
    return problem(
      without,
      `answer not understood: ${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`,
    );
  }
}

function problem(kind: RunnerProblem['kind'], message: string): { ok: false; problem: RunnerProblem } {
  return { ok: false, problem: { kind, message: wholeWords(message, maxDetailBytes) } };
}

function parseLines(stdout: string): AllFields {
  const all = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const at = line.indexOf('=');
    if (at < 1) continue;
    const key = line.slice(0, at);
    const values = all.get(key);
    if (values === undefined) all.set(key, [line.slice(at + 1)]);
    else values.push(line.slice(at + 1));
  }
  return all;
}

function lastLine(text: string): string {
  return wholeWords(printable(text.trim().split('\n').at(-1) ?? ''), maxDetailBytes);
}

/** Terminal control characters have no meaning in a status field. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ');
}

const Whole = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
/** A whole number, or nothing where the runner knows none. */
const OptionalWhole = z
  .literal('')
  .transform(() => undefined)
  .or(Whole)
  .optional();
/** The node was restarted since when it is negative: then it says nothing. */
const OptionalAge = z
  .string()
  .optional()
  .transform((text) => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : undefined));
const Flag = z
  .enum(['0', '1'])
  .default('0')
  .transform((value) => value === '1');
const Line = z
  .string()
  .default('')
  .transform((text) => wholeWords(printable(text).trim(), maxDetailBytes));
const OptionalLine = Line.transform((text) => (text === '' ? undefined : text));
const SystemIdentifier = z
  .string()
  .regex(/^\d{0,20}$/)
  .default('');

const HolderField = z
  .string()
  .default('')
  .transform((text): Holder => {
    if (text === '') return undefined;
    const [, id, kind] = /^([A-Za-z0-9-]{1,128})\/(backup|rotation)$/.exec(text) ?? [];
    return id === undefined ? 'unknown' : { id, kind: kind as RunKind };
  });

const obstacleKinds = [
  'WrongUser',
  'DirectoryNotCreatable',
  'DirectoryFull',
  'NoWalg',
  'NoDataDirectory',
  'MissingTool',
] as const;
const ObstacleField = z
  .string()
  .default('')
  .transform((text): PodObstacle | undefined => {
    const kind = obstacleKinds.find((known) => text.startsWith(`${known} `));
    return kind === undefined
      ? undefined
      : { kind, detail: wholeWords(printable(text.slice(kind.length + 1)), maxDetailBytes) };
  });

const PodFields = z.object({ now: Whole, uid: OptionalWhole, obstacle: ObstacleField, holder: HolderField });

/** First 8 digits of a segment's name. */
const Timeline = z
  .string()
  .regex(/^([0-9A-F]{8})?$/)
  .default('')
  .transform((digits) => (digits === '' ? undefined : Number.parseInt(digits, 16)));

const InspectFields = PodFields.extend({
  pgdata: z.string().max(4096),
  sysid: SystemIdentifier,
  status: Line,
  control: OptionalWhole,
  single: Flag,
  signal: z.enum(['standby.signal', 'recovery.signal', 'recovery.conf']).optional().catch(undefined),
  timeline: Timeline.catch(undefined),
  host: Line,
  ticks: Line,
  boot: Line,
  postmaster: Line,
});

const RunFields = z.object({
  state: z.enum(['none', 'starting', 'running', 'exited', 'died']),
  exit: OptionalWhole,
  started: OptionalWhole,
  ended: OptionalWhole,
  deadline: Flag,
  tombstone: Flag,
  changed: Flag,
  bytes: OptionalWhole,
  first_error: OptionalLine,
  last_error: OptionalLine,
  age: OptionalAge,
  suspect_pages: OptionalWhole,
  suspect_path: OptionalLine,
});

function readInspection(fields: Fields, all: AllFields, about: Partial<RunAddress>): Inspection {
  const { now, uid, obstacle, holder, pgdata, sysid, ...rest } = InspectFields.parse(fields);
  const { control, signal, single, status, timeline, ...identity } = rest;
  const { id, kind } = about;
  return {
    podTime: now,
    identity,
    stopping: status === 'stopping',
    uid: uid ?? -1,
    pgdata,
    systemIdentifier: sysid,
    role: roleOf({ control, single, status, live: identity.postmaster !== '' }),
    holder,
    ...defined({
      timeline,
      signal,
      obstacle,
      run: id === undefined || kind === undefined ? undefined : readRun(fields, all, { id, kind }),
    }),
  };
}

function readRun(fields: Fields, all: AllFields, run: { id: string; kind: RunKind }): RunReport {
  const { exit, started, ended, deadline, changed, bytes, first_error, last_error, ...rest } = RunFields.parse(fields);
  const { age, suspect_pages: suspectPages, suspect_path: suspectPath } = rest;
  return {
    ...run,
    state: rest.state,
    deadlineHit: deadline,
    tombstone: rest.tombstone,
    catalogueChanged: changed,
    log: { head: logText(all.get('head')), tail: logText(all.get('tail')), bytes: bytes ?? 0 },
    ...defined({
      exitCode: exit,
      startedAt: started,
      endedAt: ended,
      firstError: first_error,
      lastError: last_error,
      age,
      suspectPages,
      suspectPath,
    }),
  };
}

/** The script ends every part of a log with an empty line of its own. */
function logText(lines: readonly string[] = []): string {
  return printable(lines.join('\n')).slice(0, maxLogChars).trimEnd();
}

const StartFields = z.discriminatedUnion('state', [
  z.object({ state: z.enum(['running', 'exited']), now: Whole, started: Whole }),
  z.object({ state: z.literal('busy'), now: Whole, holder: HolderField }),
  z.object({
    state: z.literal('refused'),
    now: Whole,
    reason: z.enum(['identity', 'not-after', 'tombstone', 'obstacle', 'died']),
    detail: Line,
  }),
]);

function readStart(fields: Fields): StartAnswer {
  if (fields.state === 'starting') throw new Error('the run was not seen to begin within 5 s');
  const answer = StartFields.parse(fields);
  const podTime = answer.now;
  if (answer.state === 'busy') return { state: 'busy', podTime, holder: answer.holder };
  if (answer.state === 'refused') return { state: 'refused', podTime, reason: answer.reason, detail: answer.detail };
  return { state: answer.state, podTime, startedAt: answer.started };
}

const StopFields = z
  .object({ now: Whole, state: z.enum(['gone', 'signalled', 'left']), tombstone: Flag })
  .transform(({ now, state, tombstone }): StopAnswer => ({ podTime: now, state, tombstone }));

const PruneFields = z.object({ now: Whole }).transform(({ now }) => ({ podTime: now }));

/** initdb --wal-segsize allows powers of two from 1 MiB to 1 GiB. */
const SegmentSize = OptionalWhole.refine(
  (size) => size === undefined || (size >= 2 ** 20 && size <= 2 ** 30 && Number.isInteger(Math.log2(size))),
);

const CatalogueFields = PodFields.extend({
  sysid: SystemIdentifier,
  detail: z.string().default(''),
  detail_code: OptionalWhole,
  detail_error: OptionalLine,
  list: z.string().default(''),
  list_code: OptionalWhole,
  wal: z.string().default(''),
  wal_code: OptionalWhole,
  wal_error: OptionalLine,
  ready: z.string().default(''),
  ready_total: OptionalWhole,
  ready_oldest: OptionalLine,
  segment_size: SegmentSize,
  timeline: Timeline,
  archiver: z.string().default(''),
  version: z.string().default(''),
});

function readCatalogueAnswer(fields: Fields, all: AllFields): CatalogueAnswer {
  const answer = CatalogueFields.parse(fields);
  const detail = backupList({ code: answer.detail_code ?? -1, stdout: answer.detail });
  const backups = detail ?? backupList({ code: answer.list_code ?? -1, stdout: answer.list });
  return {
    podTime: answer.now,
    systemIdentifier: answer.sysid,
    plain: detail === undefined && backups !== undefined,
    ready: answer.ready.split(' ').filter((name) => /^[0-9A-F]{24}$/.test(name)),
    readyTotal: answer.ready_total ?? 0,
    ...defined({
      backups,
      details: unlessEmpty(Object.fromEntries(named(all.get('meta')))),
      parts: unlessEmpty(readParts(all)),
      wal: walShow({ code: answer.wal_code ?? -1, stdout: answer.wal }),
      archiver: readArchiver(answer.archiver),
      segmentSize: answer.segment_size,
      oldestReady: answer.ready_oldest,
      timeline: answer.timeline,
      history: all.get('history'),
      error: catalogueError(answer),
      walgVersion: printable(walgVersion(answer.version)) || undefined,
    }),
  };
}

function unlessEmpty<T extends object>(read: T): T | undefined {
  return Object.keys(read).length === 0 ? undefined : read;
}

/** Each value is `<backup name>=<what was read of it>`. */
function named(values: readonly string[] = []): [name: string, text: string][] {
  return values.flatMap((value): [string, string][] => {
    const at = value.indexOf('=');
    return at < 1 ? [] : [[value.slice(0, at), value.slice(at + 1)]];
  });
}

function readParts(all: AllFields): NonNullable<CatalogueAnswer['parts']> {
  const codes = new Map(named(all.get('parts_code')));
  return Object.fromEntries(
    named(all.get('parts')).flatMap(([name, stdout]) => {
      const parts = storedParts({ code: Number(codes.get(name) ?? -1), stdout });
      return parts === undefined ? [] : [[name, parts]];
    }),
  );
}

function catalogueError(answer: z.infer<typeof CatalogueFields>): string | undefined {
  if (answer.obstacle !== undefined) return `${answer.obstacle.kind}: ${answer.obstacle.detail}`;
  return answer.detail_error ?? answer.wal_error;
}

function readArchiver(text: string): CatalogueAnswer['archiver'] {
  const [failedCount = '', lastFailedWal = '', lastFailedTime = '', lastArchivedTime = ''] = printable(text)
    .slice(0, 400)
    .split('|');
  if (!/^\d{1,15}$/.test(failedCount)) return undefined;
  return { failedCount: Number(failedCount), lastFailedWal, lastFailedTime, lastArchivedTime };
}

const Outcome = z.enum(['ok', 'failed', 'timeout']).optional();
const ProbeFields = PodFields.extend({
  version: z.string().default(''),
  archive_mode: Line,
  read: Outcome,
  read_error: Line,
  write: Outcome,
  write_error: Line,
});

function readProbe(fields: Fields): ProbeAnswer {
  const answer = ProbeFields.parse(fields);
  return {
    podTime: answer.now,
    uid: answer.uid ?? -1,
    ...defined({ obstacle: answer.obstacle }),
    walgVersion: printable(walgVersion(answer.version)),
    archiveMode: answer.archive_mode,
    read: probeResult(answer.read, answer.read_error),
    write: probeResult(answer.write, answer.write_error),
    holder: answer.holder,
  };
}

function probeResult(outcome: z.infer<typeof Outcome>, error: string): ProbeResult {
  return { outcome: outcome ?? 'skipped', detail: outcome === 'ok' ? '' : error };
}
