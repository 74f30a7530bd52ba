/** SIGKILL for programs of our own cluster: its node is this machine, so its processes are in our process table. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { clusterDir } from '../../../tools/cluster/layout.ts';

/** Kills every process of the cluster that a pattern fits; gives how many. The command line begins with the program's path. */
export function killAll(pattern: RegExp): number {
  const pids = processes().filter(({ commandLine }) => pattern.test(commandLine));
  for (const { pid } of pids) process.kill(pid, 'SIGKILL');
  return pids.length;
}

interface Process {
  readonly pid: number;
  readonly commandLine: string;
}

/** Those that live in a mount namespace of their own, as the node and its containers do. */
function processes(): Process[] {
  const mine = readlinkSync('/proc/self/ns/mnt');
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        if (readlinkSync(`/proc/${entry}/ns/mnt`) === mine) return [];
        const commandLine = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(entry), commandLine }];
      } catch {
        // It ended while we looked at it.
        return [];
      }
    })
    .filter(({ commandLine }) => commandLine !== '' && !commandLine.includes(`${clusterDir}/e2e`));
}
