/** Everything that a handler acts on, in memory, with what it did to read afterwards. */
import type { OwnEvent } from '../../functions/domain/events/cloud-event.ts';
import { requestError } from '../../functions/domain/request-error.ts';
import type { Effects } from '../../functions/platform/reconcile/apply.ts';
import type { Clock } from '../../functions/platform/clock.ts';
import type { Log } from '../../functions/platform/log.ts';
import type { Runner } from '../../functions/platform/run/runner.ts';
import type { Sink } from '../../functions/platform/http/sink.ts';
import type { FakeKube } from './fake-kube.ts';

/** Collects what is posted; refuses while it is down. */
export interface FakeSink extends Sink {
  readonly posted: OwnEvent[];
  down: boolean;
}

export function createFakeSink(): FakeSink {
  const sink: FakeSink = {
    posted: [],
    down: false,
    post: (event) => {
      if (sink.down) return Promise.reject(requestError.of(503, 'SinkRefused', 'the sink is down'));
      sink.posted.push(event);
      return Promise.resolve();
    },
    close: () => undefined,
  };
  return sink;
}

/** Time passes only by waiting for it. */
export interface FakeClock extends Clock {
  /** Milliseconds. */
  elapsed: number;
}

export function createFakeClock(): FakeClock {
  const clock: FakeClock = {
    elapsed: 0,
    monotonic: () => clock.elapsed,
    sleep: (milliseconds) => {
      clock.elapsed += milliseconds;
      return Promise.resolve();
    },
  };
  return clock;
}

/** A line of the log. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function createFakeLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  function at(level: string) {
    return (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push({ level, message, fields });
  }
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A runner that answers only what a test gives it. */
export function createFakeRunner(answers: Partial<Runner> = {}): Runner {
  const notGiven = (): Promise<never> => Promise.reject(new Error('this test gives no such answer'));
  return {
    inspect: notGiven,
    start: notGiven,
    stop: notGiven,
    catalogue: notGiven,
    probe: notGiven,
    prune: notGiven,
    ...answers,
  };
}

export type FakeEffects = Effects & {
  readonly kube: FakeKube;
  readonly sink: FakeSink;
  readonly log: ReturnType<typeof createFakeLog>;
};

export function createFakeEffects(kube: FakeKube, runner: Partial<Runner> = {}): FakeEffects {
  return { kube, sink: createFakeSink(), runner: createFakeRunner(runner), log: createFakeLog() };
}
