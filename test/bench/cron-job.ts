/** One backup and its retention by us, and by what is usual: a CronJob whose pod runs kubectl exec. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { slotBackupName } from '../../functions/schedule/slot-backup.ts';
import { eventually } from '../support/eventually.ts';
import type { Shop } from '../support/shop.ts';
import type { Extent } from './extent.ts';
import { compare } from './rounds.ts';
import { addManager, openStage, patience, slotFromZero, untilAtZero } from './shop-stage.ts';
import { median, rounded } from './statistics.ts';
import type { Row, Table } from '../support/table.ts';
import { watch, type Use } from './watch.ts';

/** As the owner of the data directory, who archives into the same storage. */
const asOwner = 'exec setpriv --reuid="$(stat -c %u "$PGDATA")" --regid="$(stat -c %g "$PGDATA")" --keep-groups wal-g';

/** What many have in their Job. It ends with the exit code of wal-g. */
const script = `set -eu
pod=$(kubectl get pod -n shop -l app=plain -o 'jsonpath={.items[0].metadata.name}')
kubectl exec -n shop "$pod" -c postgres -- sh -c '${asOwner} backup-push "$PGDATA"'
kubectl exec -n shop "$pod" -c postgres -- sh -c '${asOwner} delete retain FULL 2 --confirm'`;

const functions = ['schedule', 'backup', 'rotation', 'storage'] as const;
const accounts = 'system:serviceaccount:aidboxops:';

interface Sample {
  /** From the slot, or from the start of the script, until retention is done. */
  readonly seconds: number;
  readonly processes: number;
  readonly cpu: number;
  /** MB of all that is up at once, at most. */
  readonly peak: number;
  readonly requests: number;
}

const ways = { 'aidboxops, from zero': byFunctions, 'CronJob with kubectl exec': byScript } as const;
type Way = keyof typeof ways;

export async function benchCronJob({ rounds }: Extent): Promise<Table> {
  const shop = await openStage('bench-cron-job', { audit: true });
  try {
    await shop.database();
    await shop.database({ name: 'plain' });
    await addManager(shop);
    // From the third round on there is something to delete.
    const samples = await compare(Object.keys(ways) as Way[], { rounds, warmUps: 2 }, (way) => ways[way](shop));
    return tableOf(samples, rounds);
  } finally {
    await shop.close();
  }
}

async function byFunctions(shop: Shop): Promise<Sample> {
  const slot = await slotFromZero(shop, true);
  const name = slotBackupName('pg-manager', slot / 1000);
  const watching = watch(() => shop.environment.functions());
  const audit = auditOf(shop);
  const rotated = async (): Promise<true | undefined> => {
    const stored = (await shop.environment.kube.get(managerPath)) as Manager | undefined;
    const { backup, rotation } = stored?.status?.conditions ?? {};
    return backup?.lastSuccess?.name === name && rotation?.servedBackup === backup.lastSuccess.uid ? true : undefined;
  };
  await eventually('rotation', rotated, patience);
  const seconds = (Date.now() - slot) / 1000;
  // Announcing comes last, and belongs to it.
  await untilAtZero(shop);
  watching.stop();
  const uses = functions.map((each) => watching.of(each));
  const requests = audit(
    ({ user }) => user.username.startsWith(accounts) && !user.username.endsWith('apiserver-source'),
  );
  return { seconds, ...sumOf(uses), requests };
}

const managerPath = '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager';

interface Manager {
  readonly status?: {
    readonly conditions?: {
      readonly backup?: { readonly lastSuccess?: { readonly name: string; readonly uid: string } };
      readonly rotation?: { readonly servedBackup?: string };
    };
  };
}

async function byScript(shop: Shop): Promise<Sample> {
  const { kubectlPath, kubeConfigPath } = shop.environment;
  const audit = auditOf(shop);
  const begun = performance.now();
  const PATH = `${dirname(kubectlPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  // The file system of a Job's pod is new: no cache of discovery is there.
  const env = { PATH, KUBECONFIG: kubeConfigPath, KUBECACHEDIR: '/dev/null', HOME: '/' };
  const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let trouble = '';
  child.stderr.on('data', (data: Buffer) => (trouble += data.toString()));
  const watching = watch(() => [{ name: 'sh', pid: child.pid }, ...childrenOf(child.pid ?? 0)], 10);
  const [code] = (await once(child, 'exit')) as [number];
  watching.stop();
  if (code !== 0) throw new Error(`the script ended with ${code}: ${trouble}`);
  const [shell, kubectl] = [watching.of('sh'), watching.of('kubectl')];
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, ...sumOf([shell, kubectl]), requests: audit(({ userAgent }) => /^kubectl/.test(userAgent ?? '')) };
}

function childrenOf(pid: number): { name: string; pid: number }[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  const pids = readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number);
  return pids.map((each) => ({ name: 'kubectl', pid: each }));
}

function sumOf(uses: readonly Use[]): Pick<Sample, 'processes' | 'cpu' | 'peak'> {
  const sum = (key: keyof Use): number => uses.reduce((all, use) => all + use[key], 0);
  return { processes: sum('processes'), cpu: sum('cpu'), peak: sum('peak') };
}

interface AuditLine {
  readonly user: { readonly username: string };
  readonly userAgent?: string;
}

/** Counts requests that have ended since. */
function auditOf({ environment }: Shop): (counts: (line: AuditLine) => boolean) => number {
  const path = environment.auditLogPath ?? '';
  const before = readFileSync(path, 'utf8').length;
  return (counts) => {
    const lines = readFileSync(path, 'utf8').slice(before).split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as AuditLine).filter(counts).length;
  };
}

function tableOf(samples: ReadonlyMap<Way, readonly Sample[]>, rounds: number): Table {
  const rows = [...samples].map(([way, some]): Row => {
    const middle = (key: keyof Sample): number => rounded(median(some.map((sample) => sample[key])));
    return {
      way,
      seconds: middle('seconds'),
      processes: middle('processes'),
      'CPU ms': middle('cpu'),
      'peak RSS MB': middle('peak'),
      'API requests': middle('requests'),
    };
  });
  return {
    title: 'Beside a CronJob',
    method: `Local environment; medians of ${rounds} rounds, both in each. One backup of a small database and the deletion of one, until both are done; what runs in the database container is left out. Not counted, because no kubelet runs pods here: the start of pods for either, and what the controllers of CronJob, Job and Knative ask.`,
    rows,
  };
}
