/** Who may talk to the API server: one token each, and kubeconfigs with them. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCredentials, writeKubeConfig } from '../../../local/kubernetes/control-plane/credentials.ts';
import { network, nodeName } from '../layout.ts';

const secretMode = 0o600;

/** Files that API server, controller manager and node are started with. */
export interface Access {
  readonly tokenFile: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  readonly adminToken: string;
  readonly nodeToken: string;
}

/** Makes tokens and keys: an administrator, and the node with the rights of a node. */
export function makeAccess(dir: string): Access {
  const credentials = createCredentials(dir);
  const nodeToken = randomBytes(24).toString('hex');
  const line = `${nodeToken},system:node:${nodeName},system:node:${nodeName},system:nodes\n`;
  writeFileSync(credentials.tokenFile, readFileSync(credentials.tokenFile, 'utf8') + line, { mode: secretMode });
  return { ...credentials, nodeToken };
}

/** Writes a kubeconfig for the administrator or the node; the API server has made its certificate by now. */
export function writeAccess(dir: string, path: string, token: string): void {
  const url = `https://${network.nodeAddress}:${network.apiPort}`;
  writeKubeConfig(path, { url, ca: readFileSync(join(dir, 'apiserver.crt')), token });
}
