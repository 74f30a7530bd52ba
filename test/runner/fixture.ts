/** A pod without PostgreSQL whose wal-g does as it is told, and what tests do with runs in it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  Identity,
  Inspection,
  RunReport,
  StartAnswer,
  StartRequest,
  StopAnswer,
} from '../../functions/domain/run/protocol.ts';
import type { Runner } from '../../functions/platform/run/runner.ts';
import type { RunnerResult } from '../../functions/domain/run/observed-run.ts';
import { createPod, type Pod, processesOf, type Shell, target, until } from './pod.ts';

/**
 * Writes each call to `calls`, then runs what the test has put into `behave`. $PGHOST is the pod's directory. No
 * children: what is signalled is what works.
 */
const obedient = `echo "$*" >>"$PGHOST/calls"
[ "$1" != backup-list ] || { cat "$PGHOST/list"; exit "$(cat "$PGHOST/list-code")"; }
. "$PGHOST/behave"
`;
/** Waits without a child and without using the processor until the FIFO is written to. */
export const hang = 'read -r _ <"$PGHOST/hang"';

/** A pod and its runs. */
export interface Fixture {
  readonly pod: Pod;
  behave(script: string): void;
  calls(): string[];
  identity(): Promise<Identity>;
  inspect(id?: string, kind?: 'backup' | 'rotation'): Promise<Inspection>;
  look(id: string, kind?: 'backup' | 'rotation'): Promise<RunReport>;
  request(id: string, changes?: Partial<StartRequest>): Promise<StartRequest>;
  start(id: string, changes?: Partial<StartRequest>): Promise<StartAnswer>;
  stop(id: string, dir?: string): Promise<StopAnswer>;
  exited(id: string, kind?: 'backup' | 'rotation'): Promise<RunReport>;
  pidOf(id: string, of: 'runner' | 'guard' | 'pid'): Promise<number>;
  /** Everything of all runs is gone, so that the lock is free. */
  quiet(): Promise<void>;
}

/** The answer of the runner; a problem fails the test. */
export function value<T>(result: RunnerResult<T>): T {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

/** What a run of a test is to do. */
type Order = Pick<StartRequest, 'id'> & Partial<StartRequest>;

/** Starts a run that may take two minutes, a backup unless told otherwise, and fails unless it has begun. */
export async function startRun(pod: Pod, order: Order, runner = pod.runner): Promise<void> {
  const { identity, podTime } = value(await runner.inspect(target, { dir: pod.dir }));
  const { id } = order;
  const backup = { kind: 'backup', name: id, userData: JSON.stringify({ aidboxops: { uid: id } }) };
  const common = { dir: pod.dir, identity, notAfter: podTime + 30, timeoutSeconds: 120 };
  const answer = value(await runner.start(target, { ...common, ...backup, ...order } as StartRequest));
  assert.ok('startedAt' in answer, JSON.stringify(answer));
}

/** Waits until a run has ended and holds the lock no longer. */
export async function endedRun(pod: Pod, id: string, more: RunQuestion = {}): Promise<RunReport> {
  const { kind = 'backup', runner = pod.runner, seconds } = more;
  let run: RunReport | undefined;
  const isOver = async (): Promise<boolean> => {
    const inspection = value(await runner.inspect(target, { id, kind, dir: pod.dir }));
    run = inspection.run;
    return run?.state === 'exited' && inspection.holder === undefined;
  };
  await until(`run ${id} ends`, isOver, seconds);
  assert.ok(run !== undefined);
  return run;
}

/** Which run is meant, who asks, and for how long. */
interface RunQuestion {
  readonly kind?: 'backup' | 'rotation';
  readonly runner?: Runner | undefined;
  readonly seconds?: number;
}

/** As if wal-g had been asked by TERM to end half a minute earlier. */
export function passHalfAMinute(pod: Pod, id: string): void {
  const term = join(pod.dir, '.run', id, 'term');
  writeFileSync(term, `${Number(readFileSync(term, 'utf8')) - 30}\n`);
}

/** Starts a pod for a test. */
export async function createFixture(shell: Shell): Promise<Fixture> {
  const pod = await createPod({ shell });
  pod.fakeWalg(obedient);
  writeFileSync(join(pod.root, 'list'), '');
  writeFileSync(join(pod.root, 'list-code'), '0\n');
  const made = await pod.exec(target, ['mkfifo', join(pod.root, 'hang')], { timeoutMs: 5_000 });
  assert.equal(made.kind, 'done');
  return fixtureOf(pod);
}

function fixtureOf(pod: Pod): Fixture {
  const file = (name: string): string => join(pod.root, name);
  const self: Fixture = {
    pod,
    behave: (script) => writeFileSync(file('behave'), script),
    calls: () => (existsSync(file('calls')) ? readFileSync(file('calls'), 'utf8').trim().split('\n') : []),
    identity: async () => (await self.inspect()).identity,
    inspect: async (id, kind = 'backup') =>
      value(await pod.runner.inspect(target, id === undefined ? { dir: pod.dir } : { dir: pod.dir, id, kind })),
    async look(id, kind) {
      const { run } = await self.inspect(id, kind);
      assert.ok(run !== undefined);
      return run;
    },
    async request(id, changes = {}) {
      const { identity, podTime } = await self.inspect();
      const common = { id, dir: pod.dir, identity, notAfter: podTime + 30, timeoutSeconds: 60 };
      return { ...common, kind: 'backup', name: `name-${id}`, userData: '{"a":"b c"}', ...changes } as StartRequest;
    },
    start: async (id, changes) => value(await pod.runner.start(target, await self.request(id, changes))),
    stop: async (id, dir = pod.dir) => value(await pod.runner.stop(target, { id, kind: 'backup', dir })),
    async exited(id, kind) {
      await until(`run ${id} has an exit code`, async () => (await self.look(id, kind)).state === 'exited');
      return self.look(id, kind);
    },
    async pidOf(id, of) {
      const path = join(pod.dir, '.run', id, of);
      await until(`${path} is there`, () => existsSync(path));
      return Number(readFileSync(path, 'utf8').split(' ')[0]);
    },
    quiet: () => until('all processes of the pod are gone', () => processesOf(pod.root).length === 0),
  };
  return self;
}
