/** A CPU quota as a container has it: a control group of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from './program.ts';

const periodUs = 100_000;

/** The same program in a group that gets so much of one CPU. Needs the rights to make one. */
export function limited({ argv, env }: Program, cpus: number): Program {
  const group = groupOf(cpus);
  const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  return { argv: ['/bin/sh', '-c', script, group, ...argv], ...(env === undefined ? {} : { env }) };
}

/** Version 2 has one tree, version 1 one for each controller. */
function groupOf(cpus: number): string {
  const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const group = join(unified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu', `aidboxops-bench-${cpus}`);
  mkdirSync(group, { recursive: true });
  const quota = String(cpus * periodUs);
  if (unified) {
    writeFileSync(join(group, 'cpu.max'), `${quota} ${periodUs}`);
  } else {
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), quota);
  }
  return group;
}
