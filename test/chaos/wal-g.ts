/** A wal-g in front of the image's: it writes down each call that matters and is slow where a fault shall meet it. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../local/environment-types.ts';
import type { Call } from './seen.ts';

/** Steps that a case may slow down. `write-check` is what a probe writes with: `st put` of 1.1, `st check write` of 3.0. */
export type Slow = 'delete' | 'write-check';

/** `<pid> <ticks> <sub-command> <run> <pid of another that is alive or none>` for each call of these. */
const script = (real: string): string => `#!/bin/sh
case $1 in backup-push | delete | st) ;; *) exec ${real} "$@" ;; esac
ticks() { set -- $(cat /proc/$1/stat 2>/dev/null) && [ $# -gt 21 ] && shift 21 && echo $1; }
other=none
[ "$1" = st ] || while read -r pid began kind rest; do
  [ "$kind" = st ] || [ $pid = $$ ] || [ "$(ticks $pid)" != "$began" ] || other=$pid
done <"$CHAOS_CALLS"
echo "$$ $(ticks $$) $1 \${AIDBOXOPS_RUN:-none} $other" >>"$CHAOS_CALLS"
step=$1
case "$2 $3 " in "put "* | "check write "*) step=write-check ;; esac
case " $CHAOS_SLOW " in *" $step "*) sleep 1 ;; esac
exec ${real} "$@"
`;

/** Writes it beside the image; returns the PATH that has it first. */
export function installWalg(environment: Environment): string {
  const image = join(environment.storageDir, '..', 'image');
  const [bin, wrappers] = [join(image, 'bin'), join(image, 'wrappers')];
  mkdirSync(wrappers, { recursive: true, mode: 0o755 });
  writeFileSync(join(wrappers, 'wal-g'), script(join(bin, 'wal-g')));
  chmodSync(join(wrappers, 'wal-g'), 0o755);
  return `${wrappers}:${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}

/** Where the calls for this storage prefix are written down; whoever calls must be able to write there. */
export function makeCallLog(environment: Environment, prefix: string): string {
  const file = join(environment.storageDir, `${prefix}.calls`);
  writeFileSync(file, '');
  chmodSync(file, 0o666);
  return file;
}

/** All calls so far. */
export function callsIn(file: string): Call[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , kind = '', run = '', other = 'none'] = line.split(' ');
      return { kind, run, overlaps: other === 'none' ? undefined : other };
    });
}
