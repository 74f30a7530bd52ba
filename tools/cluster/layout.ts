/** Where everything of the cluster is, and what it is called. */
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

/** Everything that the cluster writes is below this directory; `cluster:down` removes it. */
export const clusterDir = join(repository, '.local', 'cluster');

/** Kubeconfig of a member of system:masters, for use from outside of the cluster's network. */
export const kubeConfigPath = join(clusterDir, 'kubeconfig');

/** Directory of this machine that pods mount to store backups in. */
export const storageDir = join(clusterDir, 'storage');

/** Name of the one node. */
export const nodeName = 'node';

/** Addresses. The link has a /30 of its own: the machine at one end, the node at the other. */
export const network = {
  hostInterface: 'aidboxops0',
  hostAddress: '10.213.77.1',
  nodeAddress: '10.213.77.2',
  linkBits: 30,
  podRange: '10.244.0.0/16',
  serviceRange: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  apiPort: 6443,
} as const;

/** Prefix of images that are made here; Knative never asks a registry for it. */
export const imagePrefix = 'dev.local';

/** Image that holds a pod's namespaces. */
export const pauseImage = `${imagePrefix}/pause:1`;
/** Image of this project, as it stands in the working tree. */
export const projectImage = { name: `${imagePrefix}/aidboxops`, tag: 'e2e' } as const;
/** The same content under another tag: an upgrade. */
export const upgradeTag = 'e2e-next';
/** PostgreSQL with wal-g; exec'd commands run as root, as in the official image. */
export const postgresImage = `${imagePrefix}/postgres:14`;
/** The same, with the owner of the data directory as the user of the image. */
export const postgresNonRootImage = `${imagePrefix}/postgres:14-nonroot`;
