import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeliverySpec } from '../../../../local/knative/core/objects.ts';
import { deliveryRetry, sourceRetry, withRetries, type RetryPolicy } from '../../../../local/knative/core/retry.ts';

// 0 is no answer. What a source retries is compared with Knative's adapter (test/contract/knative.test.ts).
const retried = [0, 404, 408, 409, 429, 500, 501, 502, 503, 504];
const final = [200, 202, 204, 301, 307, 400, 401, 403, 413, 422, 425];

test('the Broker retries these answers and no others', () => {
  const policy = deliveryRetry({});
  const again = [...retried, ...final].filter((status) => policy.isRetried(status));
  assert.deepEqual(again, retried);
});

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
