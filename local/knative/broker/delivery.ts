/**
 * One event on its way to one Trigger: attempts, dead letter. Not copied: an event in an answer does not enter the Broker,
 * because no function answers with one; an answer with a body is a failure, as in Knative when it is no event.
 */
import { messageOf } from '../../machine/error-message.ts';
import { wait, type Context, type Fault } from '../core/context.ts';
import { nameOf, resolve } from '../core/destination.ts';
import { claimsToBeEvent, summaryOf, toMessage, withAttributes, type CarriedEvent } from '../core/events.ts';
import { post, type Answer } from '../core/http.ts';
import { keyOf } from '../../kubernetes/client/objects.ts';
import type { Broker, DeliverySpec, Trigger } from '../core/objects.ts';
import { deliveryRetry, withRetries, type RetryPolicy } from '../core/retry.ts';

/** What is delivered where. */
export interface Delivery {
  readonly broker: Broker;
  readonly trigger: Trigger;
  readonly event: CarriedEvent;
}

interface Target {
  readonly url: string;
  readonly name: string;
}

const maxErrorData = 1024;
const dispatchErrorCode = 500;

/** Delivers, faults of a test included; false when the event reached neither subscriber nor dead letter sink. */
export async function deliver(context: Context, delivery: Delivery): Promise<boolean> {
  try {
    const fault = context.faults.onDelivery?.(delivery.event, keyOf(delivery.trigger)) ?? 'deliver';
    const copies = delaysOf(fault).map(async (ms) => {
      if (ms > 0) await wait(context, ms);
      return deliverOnce(context, delivery);
    });
    return (await Promise.all(copies)).every(Boolean);
  } catch (error) {
    // Only the end of the environment comes here: a pause between attempts was cut short.
    if (!context.signal.aborted)
      context.trace({ kind: 'trouble', what: keyOf(delivery.trigger), message: messageOf(error) });
    return false;
  }
}

/** One for each copy (milliseconds). */
function delaysOf(fault: Fault): readonly number[] {
  switch (fault) {
    case 'deliver':
      return [0];
    case 'drop':
      return [];
    case 'duplicate':
      return [0, 0];
    default:
      return fault;
  }
}

async function deliverOnce(context: Context, delivery: Delivery): Promise<boolean> {
  const { trigger, event } = delivery;
  const namespace = trigger.metadata.namespace;
  const spec = effectiveDelivery(delivery);
  const policy = deliveryRetry(spec);
  const url = resolve(trigger.spec.subscriber, namespace, context.addresses);
  if (url === undefined) return giveUp(context, { delivery, policy, failed: { url: '', answer: noSubscriber } });
  const target = { url, name: nameOf(trigger.spec.subscriber) };
  const answer = await attempts(context, { policy, target, trigger, event });
  return isSuccess(answer) || giveUp(context, { delivery, policy, failed: { url, answer } });
}

/** Trigger.delivery replaces the Broker's as a whole; only the dead letter sink falls back to it. */
function effectiveDelivery({ broker, trigger }: Delivery): DeliverySpec {
  return trigger.spec.delivery ?? broker.spec.delivery ?? {};
}

/** The dead letter sink with the namespace that its reference is relative to. */
export function deadLetterSink(context: Context, broker: Broker | undefined, trigger: Trigger): Target | undefined {
  const own = trigger.spec.delivery?.deadLetterSink;
  const sink = own ?? broker?.spec.delivery?.deadLetterSink;
  const url = resolve(sink, trigger.metadata.namespace, context.addresses);
  return url === undefined ? undefined : { url, name: nameOf(sink) };
}

interface Attempts {
  readonly policy: RetryPolicy;
  readonly target: Target;
  readonly trigger: Trigger;
  readonly event: CarriedEvent;
}

function attempts(context: Context, { policy, target, trigger, event }: Attempts): Promise<Answer> {
  const message = toMessage(event);
  const withPrefer = { ...message, headers: { ...message.headers, prefer: 'reply' } };
  let started = 0;
  return withRetries(
    policy,
    async () => {
      started = performance.now();
      return judged(await post(target.url, withPrefer, policy.timeoutMs));
    },
    (ms) => wait(context, ms),
    (answer, attempt, retryInMs) =>
      context.trace({
        kind: 'delivery',
        event: summaryOf(event),
        trigger: keyOf(trigger),
        function: target.name,
        status: answer.status,
        durationMs: Math.round(performance.now() - started),
        attempt,
        retryInMs,
        error: answer.error,
      }),
  );
}

/** The filter turns a success with a body that is no event into 502, which is retried. */
function judged(answer: Answer): Answer {
  if (!isSuccess(answer) || (answer.body.length === 0 && !claimsToBeEvent(answer.headers))) return answer;
  return { ...answer, status: 502, error: 'a function answers without a body and without an event' };
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

const noSubscriber: Answer = { status: 0, headers: {}, body: Buffer.alloc(0), error: 'the subscriber does not exist' };

interface Failed {
  readonly delivery: Delivery;
  readonly policy: RetryPolicy;
  readonly failed: { readonly url: string; readonly answer: Answer };
}

/** What went wrong is known from an answer only: the dispatcher of a Broker's channel sees nothing behind its filter. */
function errorAttributes(url: string, { status, body }: Answer): Record<string, string> {
  return {
    knativeerrordest: url,
    knativeerrorcode: String(status),
    knativeerrordata: body.toString('base64').slice(0, maxErrorData),
  };
}

async function giveUp(context: Context, { delivery, policy, failed }: Failed): Promise<boolean> {
  const { broker, trigger, event } = delivery;
  const { url, answer } = failed;
  const target = deadLetterSink(context, broker, trigger);
  const code = answer.status === 0 ? dispatchErrorCode : answer.status;
  context.trace({ kind: 'dead-letter', event: summaryOf(event), trigger: keyOf(trigger), to: target?.url, code });
  if (target === undefined) return false;
  const letter = answer.status === 0 ? event : withAttributes(event, errorAttributes(url, answer));
  return isSuccess(await attempts(context, { policy, target, trigger, event: letter }));
}
