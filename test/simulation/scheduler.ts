/**
 * Virtual time. Tasks are ordinary promises that wait only here; between two of them nothing runs, so that the order in
 * which activations interleave is the order of their random delays and nothing else.
 */

export interface Scheduler {
  /** Milliseconds since 1970, virtual. */
  now(): number;
  /** Runs `work` at this moment, or now when it is past. It must wake no promise; `spawn` may. */
  at(time: number, work: () => void): void;
  /** Begins a task; what it throws ends the simulation. */
  spawn(task: () => Promise<void>): void;
  /** Resolves after this many milliseconds. */
  sleep(milliseconds: number): Promise<void>;
  /** Lets time go on to `until`. */
  run(until: number): Promise<void>;
}

interface Entry {
  readonly time: number;
  readonly work: () => void;
}

export function createScheduler(start: number): Scheduler {
  /** The next one is the last. */
  const waiting: Entry[] = [];
  let now = start;
  let woken = false;
  let broken: { readonly error: unknown } | undefined;

  function at(time: number, work: () => void): void {
    insert(waiting, { time: Math.max(time, now), work });
  }

  return {
    now: () => now,
    at,
    spawn(task) {
      woken = true;
      task().catch((error: unknown) => void (broken = { error }));
    },
    sleep: (milliseconds) =>
      new Promise((resolve) =>
        at(now + milliseconds, () => {
          woken = true;
          resolve();
        }),
      ),
    async run(until) {
      for (let entry = waiting.at(-1); entry !== undefined && entry.time <= until; entry = waiting.at(-1)) {
        waiting.pop();
        now = entry.time;
        woken = false;
        entry.work();
        // A tick comes when no microtask is left: whatever this entry woke has come to its next wait.
        if (woken) await new Promise((resolve) => process.nextTick(resolve));
        if (broken !== undefined) throw broken.error;
      }
      now = Math.max(now, until);
    },
  };
}

/** Puts an entry where it belongs: behind those that come later, before those of its own moment that were there first. */
function insert(waiting: Entry[], entry: Entry): void {
  let [low, high] = [0, waiting.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (waiting[middle]!.time > entry.time) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, entry);
}
