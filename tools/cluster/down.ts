/** Ends the cluster and removes everything of it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endLeftovers } from '../../local/machine/processes.ts';
import type { Progress } from '../../local/machine/progress.ts';
import { clusterDir } from './layout.ts';
import { podCgroups, removeCgroup, restoreSettings } from './node/kernel.ts';
import { unlinkNode } from './node/network.ts';

/** Nothing to do is fine. Processes, mounts, interfaces and packet filter rules end with the namespaces. */
export async function bringDown(progress: Progress): Promise<void> {
  const part = progress.part('cluster');
  part.update('ending');
  const ended = await endLeftovers(clusterDir);
  if (ended.length > 0) {
    await unlinkNode();
    await removeCgroups();
  }
  restoreSettings(settingsPath);
  rmSync(clusterDir, { recursive: true, force: true });
  part.done(ended.length > 0 ? `down; ended ${ended.length} programs` : 'was not up');
}

/** Settings of the machine before the first start. */
export const settingsPath = join(clusterDir, 'settings.json');

const attempts = 100;

/** Killed processes leave their cgroup a moment later. */
async function removeCgroups(): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const path of podCgroups()) removeCgroup(path);
      return;
    } catch (error) {
      if (attempt === attempts) throw error;
      await pause(100);
    }
  }
}
