/** Command lines of the parts of Kubernetes. */
import { join } from 'node:path';
import { network, nodeName } from '../layout.ts';
import type { Access } from './access.ts';

/** One member, inside the node's network; data need not survive a power cut. */
export function etcdArguments(dir: string): string[] {
  return [`--data-dir=${join(dir, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'];
}

/** As in any cluster; it makes its serving certificate by itself. */
export function apiServerArguments(dir: string, access: Access): string[] {
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${network.nodeAddress}`,
    `--secure-port=${network.apiPort}`,
    `--cert-dir=${dir}`,
    `--service-cluster-ip-range=${network.serviceRange}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--token-auth-file=${access.tokenFile}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${access.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${access.serviceAccountKey}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    '--profiling=false',
  ];
}

/** No leader election: there is one. */
export function controllerManagerArguments(dir: string, access: Access, kubeConfig: string): string[] {
  return [
    `--kubeconfig=${kubeConfig}`,
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${access.serviceAccountKey}`,
    `--root-ca-file=${join(dir, 'apiserver.crt')}`,
    // It would make its default directory.
    `--flex-volume-plugin-dir=${join(dir, 'volume-plugins')}`,
    `--cert-dir=${dir}`,
  ];
}

/** See above. */
export function schedulerArguments(dir: string, kubeConfig: string): string[] {
  return [`--kubeconfig=${kubeConfig}`, '--leader-elect=false', `--cert-dir=${dir}`];
}

/** Its API is open to whoever is in the node's network: only the API server and pods of this cluster. */
export function kubeletConfig(emptyFile: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: emptyFile,
    clusterDNS: [network.dnsAddress],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    // Images cannot be fetched again: a full disk must not make it remove them.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    // A pod's end is waited for by many tests; the default waits are made for large clusters.
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '5s',
  };
}

/** Name and address are given, not guessed. */
export function kubeletArguments(config: string, kubeConfig: string): string[] {
  return [
    `--config=${config}`,
    `--kubeconfig=${kubeConfig}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${network.nodeAddress}`,
    '--cert-dir=/var/lib/kubelet/pki',
  ];
}

/** Connection tracking limits belong to the machine: they are left alone. */
export function proxyConfig(kubeConfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clientConnection: { kubeconfig: kubeConfig },
    clusterCIDR: network.podRange,
    hostnameOverride: nodeName,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}
