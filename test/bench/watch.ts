/** CPU of processes that come and go, from outside. */
import { cpuOf } from './program.ts';

export interface Watched {
  readonly name: string;
  readonly pid?: number | undefined;
}

export interface Watch {
  /** Returns the milliseconds that all processes of this name have used since the watch began, their starts included. */
  cpuOf(name: string): number;
  stop(): void;
}

interface Seen {
  readonly name: string;
  readonly before: number;
  readonly cpu: number;
}

/** The last moments of a process that ends are missed. */
const everyMs = 50;

export function watch(list: () => readonly Watched[]): Watch {
  const seen = new Map<number, Seen>();
  measure(true);
  const timer = setInterval(() => measure(false), everyMs);

  function measure(isFirst: boolean): void {
    for (const { name, pid } of list()) if (pid !== undefined) measureOne(name, pid, isFirst);
  }

  function measureOne(name: string, pid: number, isFirst: boolean): void {
    const cpu = cpuOf(pid);
    if (cpu === undefined) return;
    const known = seen.get(pid) ?? { name, before: isFirst ? cpu : 0 };
    seen.set(pid, { ...known, cpu });
  }

  return {
    cpuOf(name) {
      measure(false);
      const all = [...seen.values()].filter((process) => process.name === name);
      return all.reduce((sum, { before, cpu }) => sum + cpu - before, 0);
    },
    stop: () => clearInterval(timer),
  };
}
