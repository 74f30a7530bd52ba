/** How many pods each function has had, as its Deployment says: watched from outside while something happens. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { kubectlPath, target } from './target.ts';

/** One change of a function's number of pods. */
export interface Change {
  readonly at: number;
  readonly replicas: number;
}

/** A watch in progress. */
export interface ReplicaWatch {
  /** Changes of a function so far, equal neighbours merged. */
  of(name: string): readonly Change[];
  /** Pods × seconds of a function between two moments. */
  podSeconds(name: string, from: number, to: number): number;
  close(): void;
}

const columns =
  'NAME:.metadata.labels.serving\\.knative\\.dev/service,REPLICAS:.status.replicas,REVISION:.metadata.name';

/** Watches until closed. Several revisions of a function count together. */
export function watchReplicas(): ReplicaWatch {
  const changes = new Map<string, Change[]>();
  const byRevision = new Map<string, Map<string, number>>();
  const args = ['get', 'deployments', '-n', 'aidboxops', '-l', 'serving.knative.dev/service', '--watch'];
  const child = spawn(kubectlPath, [...args, '--no-headers', '-o', `custom-columns=${columns}`], {
    env: { ...process.env, KUBECONFIG: target.kubeConfig },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [name = '', replicas = '', revision = ''] = line.trim().split(/\s+/);
    const revisions = byRevision.get(name) ?? new Map<string, number>();
    byRevision.set(name, revisions.set(revision, replicas === '<none>' ? 0 : Number(replicas)));
    const sum = [...revisions.values()].reduce((total, each) => total + each, 0);
    const list = changes.get(name) ?? [];
    if (list.at(-1)?.replicas !== sum) changes.set(name, [...list, { at: Date.now(), replicas: sum }]);
  });
  return {
    of: (name) => changes.get(name) ?? [],
    podSeconds: (name, from, to) => integrate(changes.get(name) ?? [], from, to),
    close: () => void child.kill(),
  };
}

function integrate(changes: readonly Change[], from: number, to: number): number {
  return changes.reduce((sum, { at, replicas }, index) => {
    const begin = Math.max(at, from);
    const end = Math.min(changes[index + 1]?.at ?? to, to);
    return sum + (Math.max(0, end - begin) / 1000) * replicas;
  }, 0);
}
