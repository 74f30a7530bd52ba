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
  readonly order: number;
  readonly work: () => void;
}

export function createScheduler(start: number): Scheduler {
  const heap: Entry[] = [];
  let now = start;
  let order = 0;
  let woken = false;
  let broken: { readonly error: unknown } | undefined;

  function at(time: number, work: () => void): void {
    push(heap, { time: Math.max(time, now), order: order++, work });
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
      for (let entry = heap[0]; entry !== undefined && entry.time <= until; entry = heap[0]) {
        pop(heap);
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

function isBefore(left: Entry, right: Entry): boolean {
  return left.time !== right.time ? left.time < right.time : left.order < right.order;
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
