/** What the local environment is made of, and where each part comes from. */
import { join } from 'node:path';
import type { GoRecipe } from './go-recipe.ts';
import { kubernetesFlags, kubernetesVersion } from './versions.ts';

/** A file on a release site; its checksum is pinned here, not fetched from the same site. */
export interface Release {
  readonly version: string;
  /** Below the release site. */
  readonly path: string;
  readonly checksum: { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string };
  /** Names of binaries in a .tar.gz; absent when the file is the binary. */
  readonly members?: readonly string[];
}

/** Name of a binary. */
export type BinaryName = 'kube-apiserver' | 'etcd' | 'kubectl' | 'wal-g';

function folderOf(name: BinaryName): string {
  return join(import.meta.dirname, name);
}

/** Builds from the Go module proxy. wal-g 1.1 is the newest that the proxy serves complete. */
export const goRecipes: Readonly<Record<BinaryName, GoRecipe>> = {
  'kube-apiserver': {
    version: kubernetesVersion,
    folder: folderOf('kube-apiserver'),
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    cgo: false,
    linkerFlags: kubernetesFlags,
    usual: '3 to 6 min',
  },
  etcd: {
    version: 'v3.6.6',
    folder: folderOf('etcd'),
    package: 'go.etcd.io/etcd/server/v3',
    cgo: false,
    linkerFlags: [],
    usual: '15 to 35 s',
  },
  kubectl: {
    version: kubernetesVersion,
    folder: folderOf('kubectl'),
    package: 'k8s.io/kubernetes/cmd/kubectl',
    cgo: false,
    linkerFlags: kubernetesFlags,
    usual: '0.5 to 2 min',
  },
  'wal-g': {
    version: 'v1.1.3-rc-with-build',
    folder: folderOf('wal-g'),
    package: 'github.com/wal-g/wal-g/main/pg',
    cgo: true,
    linkerFlags: [],
    usual: '1 to 4 min',
  },
};

/** The newest 1.34 for which there is an envtest release. */
const envtest: Release = {
  version: 'v1.34.1',
  path: 'kubernetes-sigs/controller-tools/releases/download/envtest-v1.34.1/envtest-v1.34.1-linux-amd64.tar.gz',
  checksum: {
    algorithm: 'sha512',
    hex: 'c5e7c237ae18a8c65d0df1214b864ecd19aa9ff4f1383dbd477c202546d778c0f74efe15750ec38f57d8de26ba17cd62f404446cdd3c975399a5d4589de35cdd',
  },
  members: ['kube-apiserver', 'etcd', 'kubectl'],
};

const walg: Release = {
  version: 'v3.0.8',
  path: 'wal-g/wal-g/releases/download/v3.0.8/wal-g-pg-22.04-amd64',
  checksum: { algorithm: 'sha256', hex: 'f30544c5ce93cf83b87578e3c4a2e9c0e0ffc3d160ef89ecddaf75f397d98deb' },
};

/** Releases for x64; other machines build. */
export const releases: Readonly<Record<BinaryName, Release>> = {
  'kube-apiserver': envtest,
  etcd: envtest,
  kubectl: envtest,
  'wal-g': walg,
};
