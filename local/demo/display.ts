/** What happens, line by line: seconds since the start, what kind of thing, the thing. */
import type { Observation } from '../knative/index.ts';

/** Prints a line for each thing that happens. */
export interface Display {
  observed(observation: Observation): void;
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
    observed(observation) {
      const [kind, text] = textOf(observation);
      if (text !== '') line(kind, text);
    },
    state: (text) => line('state', text),
    heading: (text) => write(`\n── ${text} ${'─'.repeat(Math.max(0, 100 - text.length))}\n`),
    text: (text) => write(`${text}\n`),
  };
}

/** Kind and text of an observation; an empty text is not worth a line. */
function textOf(observation: Observation): [string, string] {
  switch (observation.kind) {
    case 'event':
      return ['event', `${observation.event.type}  ${observation.event.subject ?? purposeOf(observation.event)}`];
    case 'delivery':
      return ['handled', deliveryText(observation)];
    case 'process':
      return ['process', processText(observation)];
    case 'dead-letter':
      return ['dead', `${observation.event.type} of trigger ${observation.trigger} (${observation.code})`];
    case 'lost':
      return ['lost', `${observation.event.type}: ${observation.reason}`];
    case 'trouble':
      return ['trouble', `${observation.what}: ${observation.message}`];
  }
}

/** Timers have no subject: their extensions say what they are for. */
function purposeOf(event: { readonly source: string; readonly extensions: Readonly<Record<string, string>> }): string {
  const { pgpurpose, pgnamespace, pgname } = event.extensions;
  if (pgpurpose === undefined) return event.source;
  return [pgpurpose, pgnamespace, pgname].filter((one) => one !== undefined).join(' ');
}

function deliveryText(delivery: Extract<Observation, { kind: 'delivery' }>): string {
  const outcome = delivery.status === 0 ? (delivery.error ?? 'no answer') : String(delivery.status);
  const again = delivery.retryInMs === undefined ? '' : `, again in ${delivery.retryInMs} ms`;
  return `${delivery.event.type}  by ${delivery.function}: ${outcome} in ${Math.round(delivery.durationMs)} ms${again}`;
}

/** Only changes in the number of processes, and failures. */
function processText(change: Extract<Observation, { kind: 'process' }>): string {
  if (change.from === change.to && change.state !== 'failed') return '';
  const pid = change.pid === undefined ? '' : `, pid ${change.pid}`;
  const detail = change.state === 'failed' ? `: ${change.detail ?? 'failed'}` : '';
  return `${change.function}  ${change.from} → ${change.to}${pid}${detail}`;
}
