/** A real kube-apiserver with its etcd, as small as contract tests need it: no controllers, no nodes, RBAC on. */
import { KubeConfig } from '@kubernetes/client-node';
import { createKube, type Kube } from '../../functions/platform/kubernetes/client.ts';
import { getAssets } from '../../local/assets/index.ts';
import { createApiClient, type ApiClient } from '../../local/kubernetes/client/api-client.ts';
import { startControlPlane, type ControlPlane } from '../../local/kubernetes/control-plane/index.ts';
import { openProcessList } from '../../local/machine/processes.ts';
import { silentProgress } from '../../local/machine/progress.ts';

/** A running API server. `stop` ends both processes and leaves the directory with their logs. */
export interface ApiServer {
  readonly url: string;
  /** Has administrator rights, as `kube` and `api` have. */
  readonly kubeConfigPath: string;
  readonly kube: Kube;
  readonly api: ApiClient;
  readonly controlPlane: ControlPlane;
  /** Makes the API server forget all history until now, as it does every five minutes. It notices within 15 s. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts etcd and the API server on free ports; everything they write lies below `dir`. */
export async function startApiServer({ dir }: { dir: string }): Promise<ApiServer> {
  const binaries = await getAssets(silentProgress());
  const processList = openProcessList(dir);
  const controlPlane = await startControlPlane({ dir, processList, binaries });
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(controlPlane.kubeConfigPath);
  const [kube, api] = [createKube(kubeConfig), await createApiClient(kubeConfig)];
  return {
    url: controlPlane.url,
    kubeConfigPath: controlPlane.kubeConfigPath,
    kube,
    api,
    controlPlane,
    compact: () => compact(controlPlane.etcdUrl),
    async stop() {
      kube.close();
      api.close();
      await controlPlane.stop();
      processList.close();
    },
  };
}

/** API servers learn from this key what another one of them has compacted, and forget it too. */
const compactedKey = Buffer.from('compact_rev_key').toString('base64');

async function compact(etcdUrl: string): Promise<void> {
  const { header } = await callEtcd(etcdUrl, 'range', { key: compactedKey });
  // The one that writing the key makes: what is read now is older.
  const revision = String(BigInt(header.revision) + 1n);
  await callEtcd(etcdUrl, 'put', { key: compactedKey, value: Buffer.from(revision).toString('base64') });
  await callEtcd(etcdUrl, 'compaction', { revision, physical: true });
}

/** Calls the JSON API of etcd. */
export async function callEtcd(etcdUrl: string, what: string, body: object): Promise<{ header: { revision: string } }> {
  const answer = await fetch(`${etcdUrl}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd refused ${what}: ${await answer.text()}`);
  return (await answer.json()) as { header: { revision: string } };
}
