/** The databases' side of Kubernetes: StatefulSets and pods in the API server, containers that come and go. */
import { rfc3339 } from '../../functions/domain/time.ts';
import type { Plain } from '../support/api-model.ts';
import { killContainer, startContainer, type Database } from './database.ts';
import { podTime } from './wal-g.ts';
import type { World } from './world.ts';

function podPath({ namespace, pod }: Database): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod}`;
}

function setPath({ namespace, statefulSet }: Database): string {
  return `/apis/apps/v1/namespaces/${namespace}/statefulsets/${statefulSet}`;
}

/** The StatefulSet and its pod, ready. */
export function installDatabase(world: World, database: Database): void {
  const { namespace, statefulSet, pod } = database;
  world.databases.set(`${namespace}/${pod}`, database);
  world.api.create(`/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: statefulSet, namespace },
    spec: { replicas: 1, selector: { matchLabels: { app: statefulSet } } },
  });
  createPod(world, database);
}

function createPod(world: World, database: Database): void {
  const { namespace, statefulSet, pod } = database;
  const owner = world.api.get(setPath(database));
  world.api.create(`/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod,
      namespace,
      labels: { app: statefulSet },
      ownerReferences: [{ uid: owner?.metadata.uid, controller: true }],
    },
    spec: { containers: [{ name: 'postgres' }] },
    status: podStatus(database),
  });
}

function podStatus({ up, ticks }: Database): Plain {
  return {
    phase: up ? 'Running' : 'Pending',
    conditions: [],
    containerStatuses: [
      {
        name: 'postgres',
        ready: up,
        containerID: `containerd://${ticks}`,
        state: up ? {} : { waiting: { reason: 'CrashLoopBackOff' } },
      },
    ],
  };
}

/** The kubelet tells a moment later: until then the API server shows the old state. */
function tellStatus(world: World, database: Database): void {
  const { scheduler, random, api } = world;
  scheduler.at(scheduler.now() + random.between(100, 2_000), () =>
    api.edit(podPath(database), (pod) => ({ ...pod, status: podStatus(database) })),
  );
}

/** The container ends and comes back after so many seconds. */
export function restartContainer(world: World, database: Database, seconds: number): void {
  const { scheduler } = world;
  killContainer(database);
  tellStatus(world, database);
  scheduler.at(scheduler.now() + seconds * 1000, () => {
    if (world.api.get(podPath(database)) === undefined) return;
    startContainer(database, podTime(world.walG, database));
    tellStatus(world, database);
    world.note(`container of ${database.pod} is up again`);
  });
}

/** The pod is deleted; the StatefulSet makes it anew on this or another node. */
export function replacePod(world: World, database: Database, seconds: number): void {
  const { api, scheduler } = world;
  api.edit(podPath(database), (pod) => ({
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: rfc3339(scheduler.now() / 1000) },
  }));
  scheduler.at(scheduler.now() + 2_000, () => {
    killContainer(database);
    api.remove(podPath(database));
    if (replicas(world, database) > 0) comeBack(world, database, seconds);
  });
}

function comeBack(world: World, database: Database, seconds: number): void {
  const { scheduler } = world;
  if (world.api.get(podPath(database)) === undefined) createPod(world, database);
  scheduler.at(scheduler.now() + seconds * 1000, () => {
    if (world.api.get(podPath(database)) === undefined || database.up) return;
    database.boot += world.random.between(0, 1);
    startContainer(database, podTime(world.walG, database));
    tellStatus(world, database);
    world.note(`pod ${database.pod} is ready again`);
  });
}

function replicas(world: World, database: Database): number {
  const spec = world.api.get(setPath(database))?.['spec'] as { replicas?: number } | undefined;
  return spec?.replicas ?? 0;
}

/** 0 or 1. */
export function scale(world: World, database: Database, count: 0 | 1): void {
  world.api.edit(setPath(database), (set) => ({ ...set, spec: { ...(set['spec'] as Plain), replicas: count } }));
  if (count === 1) return comeBack(world, database, 5);
  killContainer(database);
  world.api.remove(podPath(database));
}
