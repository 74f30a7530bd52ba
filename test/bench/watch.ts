/** CPU and memory of processes that come and go, from outside. */
import { cpuOf, peakOf } from './program.ts';

export interface Watched {
  readonly name: string;
  readonly pid?: number | undefined;
}

export interface Watch {
  /** All processes of this name since the watch began. */
  of(name: string): Use;
  stop(): void;
}

export interface Use {
  readonly processes: number;
  /** Milliseconds since the watch began, the starts of new processes included. */
  readonly cpu: number;
  /** The most that was ever resident of one of them, in MB. */
  readonly peak: number;
}

interface Seen {
  readonly name: string;
  readonly before: number;
  readonly cpu: number;
  readonly peak: number;
}

/** A process that ends is missed by no more than its last moments: `everyMs` of them. */
export function watch(list: () => readonly Watched[], everyMs = 50): Watch {
  const seen = new Map<number, Seen>();
  look(true);
  const timer = setInterval(() => look(false), everyMs);

  function look(isFirst: boolean): void {
    for (const { name, pid } of list()) if (pid !== undefined) lookAt(name, pid, isFirst);
  }

  function lookAt(name: string, pid: number, isFirst: boolean): void {
    const cpu = cpuOf(pid);
    if (cpu === undefined) return;
    const known = seen.get(pid) ?? { name, before: isFirst ? cpu : 0, cpu, peak: 0 };
    seen.set(pid, { ...known, cpu, peak: Math.max(known.peak, peakOf(pid) ?? 0) });
  }

  return {
    of(name) {
      look(false);
      const all = [...seen.values()].filter((process) => process.name === name);
      return {
        processes: all.length,
        cpu: all.reduce((sum, { before, cpu }) => sum + cpu - before, 0),
        peak: Math.max(0, ...all.map(({ peak }) => peak)),
      };
    },
    stop: () => clearInterval(timer),
  };
}
