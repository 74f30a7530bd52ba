/** Whether a cluster can run on this machine, and the Debian packages that it takes. */
import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { promisify } from 'node:util';
import { onPath } from '../../local/assets/path.ts';
import type { Progress } from '../../local/machine/progress.ts';

const run = promisify(execFile);

/** Program → Debian package. Those that every Debian has are only looked for. */
const packageOf: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  socat: 'socat',
  debootstrap: 'debootstrap',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  tar: 'tar',
};

/** What a machine must be and have, each with what to say when it is not so. */
const needs: readonly { readonly fulfilled: () => boolean; readonly otherwise: string }[] = [
  {
    fulfilled: () => process.platform === 'linux',
    otherwise: 'this is not Linux: namespaces and cgroups are needed',
  },
  {
    fulfilled: () => process.getuid?.() === 0,
    otherwise: 'not root: run it with sudo, or in a virtual machine or container as root',
  },
  {
    fulfilled: () => onPath('go') !== undefined,
    otherwise: 'Go ≥ 1.24 is missing: Kubernetes and Knative are built from their modules',
  },
  {
    fulfilled: () => onPath('gcc') !== undefined,
    otherwise: 'gcc is missing: wal-g needs it (apt-get install gcc libc6-dev)',
  },
  {
    fulfilled: () => onPath('python3') !== undefined,
    otherwise: 'python3 with pip is missing: Envoy comes from a Python package',
  },
  {
    fulfilled: () => isWritable('/sys/fs/cgroup'),
    otherwise: 'no cgroups can be made below /sys/fs/cgroup: a container must be privileged',
  },
  {
    fulfilled: canUnshare,
    otherwise: 'no namespaces can be made (unshare --mount --net --pid): a container must be privileged',
  },
  {
    fulfilled: () => missingPrograms().length === 0 || onPath('apt-get') !== undefined,
    otherwise: `programs are missing, and there is no apt-get to install them: ${Object.keys(packageOf).join(', ')}`,
  },
];

/** Why no cluster can run here, one reason a line; empty when one can. */
export function obstacles(): string[] {
  return needs.filter(({ fulfilled }) => !fulfilled()).map(({ otherwise }) => otherwise);
}

/** Installs what is missing. */
export async function installPackages(progress: Progress): Promise<void> {
  const part = progress.part('packages');
  const packages = [...new Set(missingPrograms().map((program) => packageOf[program] ?? program))];
  try {
    if (packages.length > 0) {
      part.update(`apt-get install ${packages.join(' ')}`);
      await run('apt-get', ['update']);
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env, maxBuffer: 1 << 26 });
    }
    part.done(packages.length > 0 ? `installed ${packages.join(', ')}` : 'all there');
  } catch (error) {
    part.failed(`could not be installed; install them yourself: apt-get install ${packages.join(' ')}`);
    throw error;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function canUnshare(): boolean {
  return spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true']).status === 0;
}

function missingPrograms(): string[] {
  const withSystem = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return Object.keys(packageOf).filter((program) => onPath(program, withSystem) === undefined);
}
