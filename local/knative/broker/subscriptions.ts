/** Statuses of Brokers and Triggers. */
import type { Context } from '../core/context.ts';
import { deadLetterSink } from './delivery.ts';
import { resolve } from '../core/destination.ts';
import { keyOf } from '../../kubernetes/client/objects.ts';
import type { Trigger } from '../core/objects.ts';
import { writeStatus, type NotReady } from '../core/status.ts';

/** Every Broker that exists is ready: its ingress is ours. */
export async function reconcileBrokers(context: Context): Promise<void> {
  for (const broker of context.world.brokers.values()) {
    const url = context.addresses.broker(keyOf(broker));
    await writeStatus(context, 'brokers', broker, { fields: { address: { name: 'http', url } } });
  }
}

/** A Trigger is ready when its Broker and its subscriber exist; only then does it get events. */
export async function reconcileTriggers(context: Context): Promise<void> {
  for (const trigger of context.world.triggers.values()) {
    const broker = context.world.brokers.get(`${trigger.metadata.namespace}/${trigger.spec.broker}`);
    const subscriberUri = resolve(trigger.spec.subscriber, trigger.metadata.namespace, context.addresses);
    const deadLetterSinkUri = deadLetterSink(context, broker, trigger)?.url;
    const problem = problemOf(trigger, broker !== undefined, subscriberUri !== undefined);
    await writeStatus(context, 'triggers', trigger, { problem, fields: { subscriberUri, deadLetterSinkUri } });
  }
}

function problemOf({ spec }: Trigger, hasBroker: boolean, hasSubscriber: boolean): NotReady | undefined {
  if (!hasBroker) return { reason: 'BrokerDoesNotExist', message: `Broker "${spec.broker}" does not exist` };
  if (hasSubscriber) return undefined;
  return { reason: 'Unable to get the Subscriber', message: `${JSON.stringify(spec.subscriber)} has no address` };
}
