/** A reporter of `node --test`: writes what runs side by side add up in the end, as one line of JSON. */
import type { TestEvent } from 'node:test/reporters';

/** Counts of one run, and the time that each of its files took (ms). */
export interface Totals {
  readonly counts: Readonly<Record<string, number>>;
  readonly files: Readonly<Record<string, number>>;
}

async function* totals(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: Record<string, number> = {};
  for await (const event of events) {
    if (event.type !== 'test:summary') continue;
    const { file, duration_ms: duration, counts } = event.data;
    if (file === undefined) yield JSON.stringify({ counts, files });
    else files[file] = duration;
  }
}

// A reporter is the default export of its module.
export { totals as default };
