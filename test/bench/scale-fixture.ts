/** An API server with an installation of some size, and one process of the schedule function that sweeps it. */
import { readFileSync } from 'node:fs';
import { eventType } from '../../functions/domain/events/cloud-event.ts';
import { path } from '../../functions/domain/resources/api-paths.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { ControlPlane } from '../../local/kubernetes/control-plane/index.ts';
import { knativeDefinitions } from '../../local/knative/index.ts';
import { installDefinitions } from '../../local/install.ts';
import type { ApiClient } from '../../local/kubernetes/client/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { serveKinds } from '../support/definitions.ts';
import { openForwarder, type Forwarder } from '../support/forwarder.ts';
import { store } from './etcd.ts';
import { finishedBackup, settledManager } from './fleet.ts';
import { limited, memoryLimitOf } from './limits.ts';
import { concurrency } from './load.ts';
import { startLoop, type Loop } from './loop.ts';
import { cpuOf, peakOf, startProgram, type RunningProgram } from './program.ts';
import { shipped } from './variants.ts';

/** Seconds that the API server may take to know what was put into etcd. */
const patience = 300;

export interface Size {
  readonly managers: number;
  readonly backups: number;
}

export interface Fixture extends Size {
  readonly controlPlane: ControlPlane;
  readonly forwarder: Forwarder;
  readonly loop: Loop;
  readonly schedule: RunningProgram;
  readonly close: () => Promise<void>;
}

/** What one sweep took. */
export interface Sample {
  readonly seconds: number;
  /** From the API server, as on the wire. */
  readonly bytes: number;
  /** Seconds of CPU of the function, the API server and etcd. */
  readonly cpu: number;
  readonly server: number;
  readonly etcd: number;
  /** Pages that were answered 503 and delivered again: an API server that has just learnt of so much is not always ready. */
  readonly again: number;
  /** MB that were ever resident, at most. */
  readonly peak: number;
}

export async function openSize(dir: string, size: Size): Promise<Fixture> {
  const served = await serveKinds(dir, []);
  const { controlPlane, kube, api } = served.server;
  await installDefinitions(kube, knativeDefinitions());
  await fill(controlPlane, api, size);
  const forwarder = await openForwarder(Number(new URL(controlPlane.url).port));
  const loop = await startLoop(eventType.sweepPage, concurrency);
  const schedule = await startSchedule(controlPlane, forwarder, loop);
  loop.lead(schedule.url);
  return {
    ...size,
    controlPlane,
    forwarder,
    loop,
    schedule,
    async close() {
      await schedule.stop();
      await loop.close();
      await forwarder.close();
      await served.close();
    },
  };
}

/** It reaches the API server through the forwarder only, and has the memory of its Service. */
function startSchedule(
  { kubeConfigPath, url }: ControlPlane,
  forwarder: Forwarder,
  loop: Loop,
): Promise<RunningProgram> {
  const kubeConfig = readFileSync(kubeConfigPath, 'utf8').replace(url, `https://127.0.0.1:${forwarder.port}`);
  const { argv, env } = shipped('schedule', kubeConfig);
  return startProgram(limited({ argv, env: { ...env, K_SINK: loop.url } }, memoryLimitOf('schedule')));
}

/** Past the API server, which would take longer for it than for the bench. */
async function fill({ etcdUrl }: ControlPlane, api: ApiClient, { managers, backups }: Size): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const settled = Array.from({ length: managers }, (_, number) => settledManager(number, now));
  const parsed = settled.map(({ manager }) =>
    PgManager.parse({ ...manager, metadata: { ...manager.metadata, resourceVersion: '1' } }),
  );
  const finished = Array.from({ length: backups }, (_, number) =>
    finishedBackup(parsed[number % managers]!, Math.floor(number / managers), now),
  );
  await store(
    etcdUrl,
    'pgmanagers',
    settled.map(({ manager }) => manager),
  );
  await store(
    etcdUrl,
    'pingsources',
    settled.map(({ timer }) => timer),
  );
  await store(etcdUrl, 'pgbackups', finished);
  await untilCounted(api, path.managers(''), managers);
  await untilCounted(api, path.backups(''), backups);
}

async function untilCounted(api: ApiClient, at: string, count: number): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const { body } = await api.send({ method: 'GET', path: `${at}?limit=1` });
    const { remainingItemCount = 0 } = (body as { metadata: { remainingItemCount?: number } }).metadata;
    return remainingItemCount + 1 === count ? true : undefined;
  };
  await eventually(`${count} at ${at}`, look, patience);
}

let ticks = 0;

/** One tick, and all pages that come of it. */
export async function sweep({ controlPlane, forwarder, loop, schedule }: Fixture): Promise<Sample> {
  const { pids } = controlPlane;
  const cpu = (): number[] => [schedule.pid, pids.kubeApiserver, pids.etcd].map(cpuSeconds);
  const [bytes, again, before] = [forwarder.received(), loop.counts.again, cpu()];
  const begun = performance.now();
  ticks += 1;
  const status = await schedule.send({ id: `sweep-${ticks}`, type: 'dev.knative.sources.ping', pgpurpose: 'sweep' });
  await loop.idle();
  const seconds = (performance.now() - begun) / 1000;
  if (status !== 204 || loop.counts.refused > 0 || loop.counts.others > 0) {
    throw new Error(`the sweep was answered ${status}, ${JSON.stringify(loop.counts)}`);
  }
  const [own = 0, server = 0, etcd = 0] = cpu().map((now, at) => now - (before[at] ?? 0));
  const peak = peakOf(schedule.pid) ?? Number.NaN;
  return {
    seconds,
    bytes: forwarder.received() - bytes,
    cpu: own,
    server,
    etcd,
    again: loop.counts.again - again,
    peak,
  };
}

function cpuSeconds(pid: number): number {
  return (cpuOf(pid) ?? Number.NaN) / 1000;
}
