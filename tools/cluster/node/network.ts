/** The network of the node: one link to this machine, so that kubectl reaches the API server, and none beyond it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { network } from '../layout.ts';
import type { Inside } from './inside.ts';

const run = promisify(execFile);

/** Makes the link. It goes by itself when the namespace of its other end does. */
export async function linkNode(inside: Inside): Promise<void> {
  const { hostInterface, hostAddress, nodeAddress, linkBits } = network;
  const peer = ['peer', 'name', 'eth0', 'netns', String(inside.pid)];
  await run('ip', ['link', 'add', hostInterface, 'type', 'veth', ...peer]);
  await run('ip', ['address', 'add', `${hostAddress}/${linkBits}`, 'dev', hostInterface]);
  await run('ip', ['link', 'set', hostInterface, 'up']);
  await inside.sh(`
    ip link set lo up
    ip address add ${nodeAddress}/${linkBits} dev eth0
    ip link set eth0 up
    ip route add default via ${hostAddress}
    echo 1 > /proc/sys/net/ipv4/ip_forward
    if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
      echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
    fi
  `);
}

/** The link would go by itself with the namespace; that takes a minute when connections are open. */
export async function unlinkNode(): Promise<void> {
  if (isLinked()) await run('ip', ['link', 'delete', network.hostInterface]);
}

/** Whether a link is there: ours, or that of a cluster of another clone. */
export function isLinked(): boolean {
  return existsSync(join('/sys/class/net', network.hostInterface));
}
