/** Keys, tokens and the kubeconfig of the local API server; all random, all below the environment's directory. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files that the API server is started with. */
export interface Credentials {
  readonly adminToken: string;
  readonly tokenFile: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
}

const secretMode = 0o600;

/** Makes the admin token, the key pair that signs ServiceAccount tokens, and the audit policy. */
export function createCredentials(dir: string): Credentials {
  const adminToken = randomBytes(24).toString('hex');
  const tokenFile = join(dir, 'tokens.csv');
  writeFileSync(tokenFile, `${adminToken},local-admin,local-admin,system:masters\n`, { mode: secretMode });

  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const serviceAccountKey = join(dir, 'service-account.key');
  const serviceAccountPublicKey = join(dir, 'service-account.pub');
  writeFileSync(serviceAccountKey, pair.privateKey, { mode: secretMode });
  writeFileSync(serviceAccountPublicKey, pair.publicKey);

  writeFileSync(
    join(dir, 'audit-policy.json'),
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived', 'ResponseStarted'],
      rules: [{ level: 'Metadata' }],
    }),
  );
  return { adminToken, tokenFile, serviceAccountKey, serviceAccountPublicKey };
}

/** Writes a kubeconfig with one context. JSON is YAML. */
export function writeKubeConfig(path: string, access: { url: string; ca: Buffer; token: string }): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'aidboxops-local',
    contexts: [{ name: 'aidboxops-local', context: { cluster: 'local', user: 'local-admin', namespace: 'default' } }],
    clusters: [
      { name: 'local', cluster: { server: access.url, 'certificate-authority-data': access.ca.toString('base64') } },
    ],
    users: [{ name: 'local-admin', user: { token: access.token } }],
  };
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: secretMode });
}
