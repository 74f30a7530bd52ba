/** Directories of this machine that a node would write to are covered, inside its mount namespace only. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imagePrefix, network, pauseImage } from '../layout.ts';
import type { Inside } from './inside.ts';

/** Paths below the cluster's directory that belong to the node. */
export interface NodeFiles {
  readonly containerdConfig: string;
  readonly cniBin: string;
  readonly emptyFile: string;
  readonly dir: string;
}

/** Covers the directories, and writes what containerd and its network plugins read. */
export async function prepareFiles(inside: Inside, dir: string): Promise<NodeFiles> {
  const files = {
    dir,
    containerdConfig: join(dir, 'containerd.toml'),
    cniBin: join(dir, 'cni-bin'),
    emptyFile: join(dir, 'empty'),
  };
  for (const each of ['cni-bin', 'cni', 'kubelet', 'containerd']) {
    mkdirSync(join(dir, each), { recursive: true });
  }
  writeFileSync(files.emptyFile, '');
  writeFileSync(files.containerdConfig, containerdConfig(dir));
  writeFileSync(join(dir, 'cni', '10-bridge.conflist'), JSON.stringify(networkPlugins(), undefined, 2));
  await inside.sh(`
    for each in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$each"; done
    mkdir -p /run/lock /run/netns /var/log/containers /var/log/pods
    for each in kubelet containerd; do
      mkdir "/var/lib/$each"
      mount --bind '${dir}'/"$each" "/var/lib/$each"
    done
  `);
  return files;
}

/** Where CAP_SYS_RESOURCE is missing no container can have a lower OOM score than its parent: do not try. */
function containerdConfig(dir: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "/run/containerd/containerd.sock"

[${cri}]
sandbox_image = "${pauseImage}"
restrict_oom_score_adj = true
tolerate_missing_hugetlb_controller = true
disable_hugetlb_controller = true
disable_apparmor = true
enable_unprivileged_ports = true

[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[${cri}.cni]
bin_dir = "${join(dir, 'cni-bin')}"
conf_dir = "${join(dir, 'cni')}"
`;
}

/** A pod reaches itself through its own Service (hairpin); nothing is masqueraded, there is nowhere to go. */
function networkPlugins(): object {
  return {
    cniVersion: '1.0.0',
    name: imagePrefix.replaceAll('.', '-'),
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: network.podRange.replace('/16', '/24') }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: '/run/cni-networks',
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}
