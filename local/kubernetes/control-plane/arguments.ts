/** Command lines of etcd and kube-apiserver. */
import { join } from 'node:path';
import type { Credentials } from './credentials.ts';

/** etcd on the loopback interface. Data need not survive a power cut: no fsync. */
export function etcdArguments(options: { dir: string; clientPort: number; peerPort: number }): string[] {
  const client = `http://127.0.0.1:${options.clientPort}`;
  const peer = `http://127.0.0.1:${options.peerPort}`;
  return [
    `--data-dir=${options.dir}`,
    '--name=local',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=local=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** What an API server is started with. */
export interface ApiServerSettings {
  readonly dir: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly credentials: Credentials;
  readonly auditLogPath: string | undefined;
}

/**
 * kube-apiserver as in a cluster, RBAC included, but for these: exec streams go to the node unchanged (the kubelet
 * stand-in speaks only WebSocket), nodes are reached by IP address, pods need no ServiceAccount token.
 */
export function apiServerArguments(settings: ApiServerSettings): string[] {
  const { dir, credentials } = settings;
  return [
    `--etcd-servers=http://127.0.0.1:${settings.etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${settings.port}`,
    `--cert-dir=${dir}`,
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    `--token-auth-file=${credentials.tokenFile}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--api-audiences=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${credentials.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    '--feature-gates=TranslateStreamCloseWebsocketRequests=false',
    '--kubelet-preferred-address-types=InternalIP',
    '--profiling=false',
    ...auditArguments(join(dir, 'audit-policy.json'), settings.auditLogPath),
  ];
}

function auditArguments(policyPath: string, logPath: string | undefined): string[] {
  if (logPath === undefined) return [];
  return [`--audit-policy-file=${policyPath}`, `--audit-log-path=${logPath}`, '--audit-log-mode=blocking-strict'];
}
