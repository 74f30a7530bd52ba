/** What happens, line by line: seconds since the start, what kind of thing, the thing. */
import type { TraceEvent } from '../knative/index.ts';

/** Prints a line for each thing that happens. */
export interface Display {
  trace(traceEvent: TraceEvent): void;
  /** A change in the state of an object. */
  state(text: string): void;
  heading(text: string): void;
  text(text: string): void;
}

const kindWidth = 8;

/** Lines go to `write`; `now` is a clock in milliseconds. */
export function createDisplay(write: (text: string) => void, now: () => number = () => performance.now()): Display {
  const begun = now();

  function line(kind: string, text: string): void {
    const seconds = `${((now() - begun) / 1000).toFixed(1)} s`.padStart(8);
    write(`${seconds}  ${kind.padEnd(kindWidth)}  ${text}\n`);
  }

  return {
    trace(traceEvent) {
      const [kind, text] = textOf(traceEvent);
      if (text !== '') line(kind, text);
    },
    state: (text) => line('state', text),
    heading: (text) => write(`\n── ${text} ${'─'.repeat(Math.max(0, 100 - text.length))}\n`),
    text: (text) => write(`${text}\n`),
  };
}

/** Returns the kind and the text of a line; an empty text gets no line. */
function textOf(traceEvent: TraceEvent): [string, string] {
  switch (traceEvent.kind) {
    case 'event':
      return ['event', `${traceEvent.event.type}  ${traceEvent.event.subject ?? purposeOf(traceEvent.event)}`];
    case 'delivery':
      return ['handled', deliveryText(traceEvent)];
    case 'process':
      return ['process', processText(traceEvent)];
    case 'dead-letter':
      return ['dead', `${traceEvent.event.type} of trigger ${traceEvent.trigger} (${traceEvent.code})`];
    case 'lost':
      return ['lost', `${traceEvent.event.type}: ${traceEvent.reason}`];
    case 'trouble':
      return ['trouble', `${traceEvent.what}: ${traceEvent.message}`];
  }
}

/** Timers have no subject: their extensions say what they are for. */
function purposeOf(event: { readonly source: string; readonly extensions: Readonly<Record<string, string>> }): string {
  const { pgpurpose, pgnamespace, pgname } = event.extensions;
  if (pgpurpose === undefined) return event.source;
  return [pgpurpose, pgnamespace, pgname].filter((one) => one !== undefined).join(' ');
}

function deliveryText(delivery: Extract<TraceEvent, { kind: 'delivery' }>): string {
  const outcome = delivery.status === 0 ? (delivery.error ?? 'no answer') : String(delivery.status);
  const again = delivery.retryInMs === undefined ? '' : `, again in ${delivery.retryInMs} ms`;
  return `${delivery.event.type}  by ${delivery.function}: ${outcome} in ${Math.round(delivery.durationMs)} ms${again}`;
}

/** Only changes in the number of processes, and failures. */
function processText(change: Extract<TraceEvent, { kind: 'process' }>): string {
  if (change.from === change.to && change.state !== 'failed') return '';
  const pid = change.pid === undefined ? '' : `, pid ${change.pid}`;
  const detail = change.state === 'failed' ? `: ${change.detail ?? 'failed'}` : '';
  return `${change.function}  ${change.from} → ${change.to}${pid}${detail}`;
}
