/**
 * Knative as eventing/base configures it: PingSources, ApiServerSource, the Broker with its Triggers, retries and dead
 * letters. At least once where nothing fails; noise loses, doubles, delays and forges.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { OwnEvent } from '../../functions/domain/events/cloud-event.ts';
import type { ReceivedEvent } from '../../functions/platform/serve/server.ts';
import type { Change, Plain } from '../support/api-model.ts';
import { invoke, type Activation, type Answer, type FunctionName } from './functions.ts';
import { startPings } from './pings.ts';
import { createQuiet, type Quiet } from './quiet.ts';
import type { World } from './world.ts';

export interface Eventing {
  /** From K_SINK; false when the broker refuses. */
  post(event: OwnEvent): boolean;
  /** From a source, or from nobody. */
  accept(event: ReceivedEvent): boolean;
  /** An activation has ended by itself. */
  handled(activation: Activation, answer: Answer): void;
  /** ApiServerSource starts again and adds everything anew. */
  replay(): void;
  readonly quiet: Quiet;
}

interface Trigger {
  readonly attributes: Readonly<Record<string, string>>;
  readonly subscriber: FunctionName;
  readonly retry: number;
  readonly delayMs: number;
}

const base = join(import.meta.dirname, '../../eventing/base');

/** Documents of a manifest of the installation. */
export function manifests(file: string): Plain[] {
  return parseAllDocuments(readFileSync(join(base, file), 'utf8')).map((document) => document.toJS() as Plain);
}

interface Retries {
  readonly retry: number;
  readonly backoffDelay: string;
}

const [broker] = manifests('broker.yaml').map(({ spec }) => spec as { delivery: Retries });

const triggers: readonly Trigger[] = manifests('triggers.yaml').map(({ spec }) => {
  const {
    filter,
    delivery = broker!.delivery,
    subscriber,
  } = spec as {
    filter: { attributes: Record<string, string> };
    delivery?: Retries;
    subscriber: { ref: { name: FunctionName } };
  };
  const delayMs = Number(/^PT(\d+)S$/.exec(delivery.backoffDelay)?.[1]) * 1000;
  return { attributes: filter.attributes, subscriber: subscriber.ref.name, retry: delivery.retry, delayMs };
});

/** A Trigger waits so long for an answer. */
const answerTimeoutMs = 60_000;
/** Far more wake-ups an hour than anything here needs. */
const stormy = 2_000;

export function createEventing(world: World): Eventing {
  const { scheduler, random, noise } = world;
  const quiet = createQuiet(world);

  function accept(event: ReceivedEvent): boolean {
    if (world.outages.broker) return false;
    for (const trigger of triggers) {
      if (!matches(trigger, event)) continue;
      const copies = random.chance(noise.duplicate) ? random.between(2, 4) : 1;
      for (let copy = 0; copy < copies; copy += 1) send({ trigger, event, attempt: 0 });
    }
    return true;
  }

  interface Delivery {
    readonly trigger: Trigger;
    readonly event: ReceivedEvent;
    readonly attempt: number;
  }

  function send(delivery: Delivery, after = 0): void {
    if (random.chance(noise.loss)) return world.note(`lost: ${delivery.event.type} ${delivery.event.id}`);
    const epoch = world.brokerEpoch;
    const delay = after + (random.chance(noise.late) ? random.between(1_000, 180_000) : random.between(5, 300));
    scheduler.at(scheduler.now() + delay, () => {
      if (epoch === world.brokerEpoch) scheduler.spawn(() => deliver(delivery));
    });
  }

  let hour = 0;
  let deliveries = 0;

  /** Functions that wake each other for ever are stopped here, or the simulation would go on for ever as well. */
  function isStorm(now: number): boolean {
    deliveries = now === hour ? deliveries + 1 : 1;
    hour = now;
    if (deliveries === stormy) world.violated(7, `more than ${stormy} wake-ups within an hour`);
    return deliveries > stormy;
  }

  async function deliver(delivery: Delivery): Promise<void> {
    const { trigger, event, attempt } = delivery;
    if (isStorm(Math.floor(scheduler.now() / 3_600_000))) return;
    quiet.delivered(event);
    const timeout = scheduler.sleep(answerTimeoutMs).then((): Answer => 'no answer');
    const answer = await Promise.race([timeout, invoke(world, eventing, trigger.subscriber, event)]);
    if (answer === 'done') return;
    const backoff = trigger.delayMs * 2 ** attempt;
    if (attempt < trigger.retry) return send({ ...delivery, attempt: attempt + 1 }, backoff);
    const dead = { ...event, knativeerrorcode: '503', knativeerrordest: trigger.subscriber } as ReceivedEvent;
    await invoke(world, eventing, 'undelivered', dead);
  }

  function added(change: Change): void {
    const { kind } = change.object;
    if (kind !== 'PgManager' && kind !== 'PgBackup') return;
    if (world.outages.watch) return;
    accept(resourceEvent(world, change));
  }

  const eventing: Eventing = {
    quiet,
    accept,
    post: (event) => {
      const accepted = accept(received(event));
      if (accepted) world.oracle.posted(event);
      return accepted;
    },
    handled: (activation, answer) => quiet.handled(activation, answer),
    replay: () => {
      for (const object of [...world.api.all('pgmanagers'), ...world.api.all('pgbackups')])
        added({ verb: 'add', path: '', object });
    },
  };
  world.api.watch((change) => {
    world.oracle.changed(change);
    added(change);
  });
  startPings(world, eventing);
  return eventing;
}

function matches({ attributes }: Trigger, event: ReceivedEvent): boolean {
  return Object.entries(attributes).every(([name, value]) => event[name] === value);
}

function received(event: OwnEvent): ReceivedEvent {
  const { extensions, ...rest } = event;
  return { specversion: '1.0', ...rest, ...extensions } as unknown as ReceivedEvent;
}

/** As the adapter sends it in Resource mode. */
function resourceEvent(world: World, { verb, object }: Change): ReceivedEvent {
  const { name, namespace, resourceVersion } = object.metadata;
  return {
    specversion: '1.0',
    id: `watch-${verb}-${resourceVersion}`,
    type: `dev.knative.apiserver.resource.${verb}`,
    source: 'https://10.0.0.1:443',
    subject: `/apis/aidbox.pg/v01/namespaces/${namespace}/${object.kind.toLowerCase()}s/${name}`,
    kind: object.kind,
    name,
    namespace,
    time: String(world.scheduler.now()),
    data: object,
  };
}
