/** Which answers are tried again, how often and after how long: the two tables of Knative. */
import { Duration } from 'luxon';
import type { DeliverySpec } from './objects.ts';

/** How a sender goes on after an attempt. `waitMs(n)` is the pause before retry n, counted from 0. */
export interface RetryPolicy {
  readonly retries: number;
  readonly timeoutMs?: number | undefined;
  waitMs(retry: number): number;
  isRetried(status: number): boolean;
}

const noAnswer = 0;
const retriedBySources: ReadonlySet<number> = new Set([noAnswer, 404, 413, 425, 429, 502, 503, 504]);
const retriedByBroker: ReadonlySet<number> = new Set([noAnswer, 404, 408, 409, 429]);

/**
 * PingSource and ApiServerSource: five retries after 100, 200, 400, 800 and 1600 ms, and a 500 is final
 * (sdk-go `protocol/http/protocol.go`, eventing `pkg/adapter/mtping/runner.go`). No time limit for an attempt.
 */
export const sourceRetry: RetryPolicy = {
  retries: 5,
  waitMs: (retry) => 100 * 2 ** retry,
  isRetried: (status) => retriedBySources.has(status),
};

/**
 * The Broker on behalf of a Trigger (eventing `pkg/kncloudevents/retries.go`): without `retry` there is none, without
 * both policy and delay there is no pause, and the first linear pause is 0.
 */
export function deliveryRetry(spec: DeliverySpec): RetryPolicy {
  const delay = spec.backoffPolicy === undefined ? 0 : isoMilliseconds(spec.backoffDelay);
  return {
    retries: spec.retry ?? 0,
    timeoutMs: spec.timeout === undefined ? undefined : isoMilliseconds(spec.timeout),
    waitMs: (retry) => delay * (spec.backoffPolicy === 'linear' ? retry : 2 ** retry),
    isRetried: (status) => status >= 500 || retriedByBroker.has(status),
  };
}

function isoMilliseconds(text: string | undefined): number {
  if (text === undefined) return 0;
  const duration = Duration.fromISO(text);
  return duration.isValid ? duration.toMillis() : 0;
}

/** What became of an attempt; status 0 is no answer. */
export interface Attempt {
  readonly status: number;
}

/** Tries until an answer is final; `report` sees every attempt with the pause before the next one, if any. */
export async function withRetries<A extends Attempt>(
  policy: RetryPolicy,
  attempt: () => Promise<A>,
  sleep: (ms: number) => Promise<void>,
  report: (answer: A, attempt: number, retryInMs: number | undefined) => void,
): Promise<A> {
  for (let retry = 0; ; retry++) {
    const answer = await attempt();
    const again = retry < policy.retries && policy.isRetried(answer.status);
    const wait = again ? policy.waitMs(retry) : undefined;
    report(answer, retry + 1, wait);
    if (wait === undefined) return answer;
    await sleep(wait);
  }
}
