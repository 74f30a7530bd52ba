/**
 * The Broker: takes CloudEvents at `/<namespace>/<broker>` and hands each to the Triggers that want it, as Knative's
 * channel-based Broker with an InMemoryChannel does. Nothing is persisted and no order is promised.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../core/context.ts';
import { deliver } from './delivery.ts';
import { fromMessage, summaryOf, withAttributes, type CarriedEvent } from '../core/events.ts';
import { wants } from './filter.ts';
import { listen, readAll, type Listening } from '../core/http.ts';
import { isTrue, keyOf } from '../../kubernetes/client/objects.ts';
import type { Broker, Trigger } from '../core/objects.ts';

const asyncHandler = 'messaging.knative.dev/async-handler';
const arrivalAttribute = 'knativearrivaltime';

/** Ingress and dispatcher of all Brokers. */
export interface BrokerServer extends Listening {
  /**
   * As when its pods are replaced: what was taken in and is still to be delivered is lost. Takes events again, at the
   * same address, after so many milliseconds, and resolves then.
   */
  restart(downMs: number): Promise<void>;
}

/** Opens the ingress of all Brokers; it answers 404 for one that does not exist. */
export async function startBroker(context: Context): Promise<BrokerServer> {
  let life = await live(context);
  const { url } = life;
  return {
    url,
    close: () => life.close(),
    async restart(downMs) {
      await life.close();
      await pause(downMs, undefined, { signal: context.signal });
      life = await live(context, Number(new URL(url).port));
    },
  };
}

/** From a start to the next end, with which all pauses between attempts end too. */
async function live(context: Context, port?: number): Promise<Listening> {
  const ending = new AbortController();
  const mortal = { ...context, signal: AbortSignal.any([context.signal, ending.signal]) };
  const server = await listen((request, response) => {
    ingress(mortal, request).then(
      (status) => answer(response, status),
      () => answer(response, 400),
    );
  }, port);
  return {
    url: server.url,
    close() {
      ending.abort();
      return server.close();
    },
  };
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { Allow: 'POST, OPTIONS' }).end();
}

async function ingress(context: Context, request: IncomingMessage): Promise<number> {
  if (request.method === 'OPTIONS') return 200;
  if (request.method !== 'POST') return 405;
  const [namespace, name, ...more] = new URL(request.url ?? '/', 'http://broker').pathname.split('/').filter(Boolean);
  if (more.length > 0) return 400;
  const broker = context.world.brokers.get(`${namespace}/${name}`);
  if (broker === undefined) return 404;
  return accept(context, broker, fromMessage(request.headers, await readAll(request)));
}

/**
 * Takes an event in. Without the async annotation the answer waits for every Trigger, retries included (default since
 * Knative 1.13); with it the answer is 202 at once.
 */
async function accept(context: Context, broker: Broker, event: CarriedEvent): Promise<number> {
  const arrived = withAttributes(event, { [arrivalAttribute]: new Date().toISOString() });
  const triggers = interested(context, broker, arrived);
  context.trace({ kind: 'event', broker: keyOf(broker), event: summaryOf(event), triggers: triggers.map(keyOf) });
  const fanOut = Promise.all(triggers.map((trigger) => deliver(context, { broker, trigger, event: arrived })));
  if (broker.metadata.annotations?.[asyncHandler] === 'true') {
    void fanOut;
    return 202;
  }
  return (await fanOut).every(Boolean) ? 202 : 500;
}

/** A Trigger that is not ready has no subscription: what comes meanwhile never reaches it. */
function interested(context: Context, broker: Broker, event: CarriedEvent): Trigger[] {
  const { namespace, name } = broker.metadata;
  return [...context.world.triggers.values()].filter(
    (trigger) =>
      trigger.metadata.namespace === namespace &&
      trigger.spec.broker === name &&
      isTrue(trigger, 'Ready') &&
      wants(trigger.spec, event.attributes),
  );
}
