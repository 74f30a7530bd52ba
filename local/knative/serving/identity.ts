/** The credentials of a function: a token of its ServiceAccount, so that the API server judges it by its own RBAC. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';

/** Files with the identity of one ServiceAccount. */
export interface Identity {
  readonly kubeConfigPath: string;
  /** Gets a new token when half of the life of the present one is over. */
  refresh(): Promise<void>;
}

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

const lifetimeSeconds = 3_600;

/**
 * Writes a kubeconfig below `dir` whose token lies in a file of its own. The user is of the auth provider `tokenFile`,
 * which client-node reads again every minute, as it does in a pod; a plain `tokenFile` it would read only once.
 */
export async function createIdentity(
  api: ApiClient,
  account: { readonly namespace: string; readonly name: string },
  dir: string,
): Promise<Identity> {
  const { namespace, name } = account;
  const tokenFile = join(dir, 'token');
  const kubeConfigPath = join(dir, 'kubeconfig');
  let renewAt = 0;

  async function refresh(): Promise<void> {
    if (Date.now() < renewAt) return;
    const answer = (await api.call({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: lifetimeSeconds },
      },
    })) as TokenAnswer;
    await replace(tokenFile, answer.status.token);
    renewAt = (Date.now() + Date.parse(answer.status.expirationTimestamp)) / 2;
  }

  await mkdir(dir, { recursive: true, mode: 0o700 });
  await refresh();
  await replace(kubeConfigPath, JSON.stringify(kubeConfig(api, { namespace, name, tokenFile }), undefined, 2));
  return { kubeConfigPath, refresh };
}

function kubeConfig(
  api: ApiClient,
  { namespace, name, tokenFile }: { namespace: string; name: string; tokenFile: string },
): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name: 'local', cluster: api.cluster }],
    users: [{ name, user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } } }],
    contexts: [{ name, context: { cluster: 'local', user: name, namespace } }],
  };
}

/** A reader sees the old content or the new one, never half of it. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
