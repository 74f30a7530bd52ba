import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeliverySpec } from '../../../../local/knative/core/objects.ts';
import { deliveryRetry, sourceRetry, withRetries, type RetryPolicy } from '../../../../local/knative/core/retry.ts';

// The columns of Knative's answers: what the SDK of the sources retries, and what the Broker does. 0 is no answer.
const answers: readonly { status: number; source: boolean; broker: boolean }[] = [
  { status: 0, source: true, broker: true },
  { status: 200, source: false, broker: false },
  { status: 202, source: false, broker: false },
  { status: 204, source: false, broker: false },
  { status: 301, source: false, broker: false },
  { status: 307, source: false, broker: false },
  { status: 400, source: false, broker: false },
  { status: 401, source: false, broker: false },
  { status: 403, source: false, broker: false },
  { status: 404, source: true, broker: true },
  { status: 408, source: false, broker: true },
  { status: 409, source: false, broker: true },
  { status: 413, source: true, broker: false },
  { status: 422, source: false, broker: false },
  { status: 425, source: true, broker: false },
  { status: 429, source: true, broker: true },
  { status: 500, source: false, broker: true },
  { status: 501, source: false, broker: true },
  { status: 502, source: true, broker: true },
  { status: 503, source: true, broker: true },
  { status: 504, source: true, broker: true },
];

for (const { status, source, broker } of answers) {
  test(`${status} is ${source ? '' : 'not '}retried by a source and ${broker ? '' : 'not '}by the Broker`, () => {
    assert.equal(sourceRetry.isRetried(status), source);
    assert.equal(deliveryRetry({}).isRetried(status), broker);
  });
}

const pauses: readonly { name: string; policy: RetryPolicy; want: readonly number[] }[] = [
  { name: 'a source', policy: sourceRetry, want: [100, 200, 400, 800, 1600] },
  {
    name: 'exponential',
    policy: deliveryRetry({ retry: 4, backoffPolicy: 'exponential', backoffDelay: 'PT0.5S' }),
    want: [500, 1000, 2000, 4000],
  },
  {
    name: 'linear: the first pause is none',
    policy: deliveryRetry({ retry: 3, backoffPolicy: 'linear', backoffDelay: 'PT2S' }),
    want: [0, 2000, 4000],
  },
  { name: 'a delay without a policy', policy: deliveryRetry({ retry: 2, backoffDelay: 'PT2S' }), want: [0, 0] },
  { name: 'a policy without a delay', policy: deliveryRetry({ retry: 2, backoffPolicy: 'exponential' }), want: [0, 0] },
  { name: 'only a timeout: no retry', policy: deliveryRetry({ timeout: 'PT60S' }), want: [] },
];

for (const { name, policy, want } of pauses) {
  test(`pauses: ${name}`, async () => {
    const paused: number[] = [];
    const pause = (ms: number): Promise<void> => Promise.resolve(void paused.push(ms));
    const reported: (number | undefined)[] = [];
    const answer = await withRetries(
      policy,
      () => Promise.resolve({ status: 503 }),
      pause,
      (_answer, attempt, retryInMs) => (reported[attempt - 1] = retryInMs),
    );
    assert.deepEqual(answer, { status: 503 });
    assert.deepEqual(paused, want);
    assert.deepEqual(reported, [...want, undefined]);
  });
}

test('the first final answer ends it', async () => {
  const statuses = [503, 0, 400, 204];
  const policy = deliveryRetry({ retry: 9 } satisfies DeliverySpec);
  const answer = await withRetries(
    policy,
    () => Promise.resolve({ status: statuses.shift() ?? 500 }),
    () => Promise.resolve(),
    () => undefined,
  );
  assert.deepEqual(answer, { status: 400 });
});

test('the time limit of an attempt is that of the delivery spec; a source has none', () => {
  assert.equal(deliveryRetry({ timeout: 'PT1M30S' }).timeoutMs, 90_000);
  assert.equal(deliveryRetry({}).timeoutMs, undefined);
  assert.equal(sourceRetry.timeoutMs, undefined);
});
