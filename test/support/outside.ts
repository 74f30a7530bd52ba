/** What somebody outside of the product does and sees: posts CloudEvents, subscribes to them, and reads Kubernetes Events. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Environment } from '../../local/environment-types.ts';
import { fromMessage } from '../../local/knative/core/events.ts';
import { listen, readAll } from '../../local/knative/core/http.ts';
import { eventually } from './eventually.ts';
import type { NamespaceAccess } from './objects.ts';

const repository = join(import.meta.dirname, '../..');

/** A CloudEvent as a consumer has it. */
export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly data: unknown;
}

/** Somebody with a Trigger of their own on the Broker of the installation. */
export interface Consumer {
  /** All events so far, in the order of their arrival. */
  readonly seen: readonly SeenEvent[];
  /** Those of one type about one object, `pgmanager/<namespace>/<name>`. */
  about(type: string, subject: string): SeenEvent[];
  close(): Promise<void>;
}

/** Subscribes to everything that passes the Broker, and waits until the subscription counts. */
export async function subscribe({ kubectl }: Environment): Promise<Consumer> {
  const seen: SeenEvent[] = [];
  const server = await listen((request, response) => {
    readAll(request).then(
      (body) => {
        const { attributes, data } = fromMessage(request.headers, body);
        const { id = '', type = '', source = '', subject = '' } = attributes;
        seen.push({ id, type, source, subject, data: data.length === 0 ? undefined : JSON.parse(data.toString()) });
        response.writeHead(202).end();
      },
      () => response.writeHead(503).end(),
    );
  });
  await kubectl(['apply', '-f', '-'], JSON.stringify(everythingFor(server.url)));
  await kubectl(['wait', '-n', 'aidboxops', 'trigger/everything', '--for=condition=Ready', '--timeout=30s']);
  return {
    seen,
    about: (type, subject) => seen.filter((event) => event.type === type && event.subject === subject),
    close: () => server.close(),
  };
}

/** Builds a Trigger for everything that passes the Broker. */
export function everythingFor(uri: string): object {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name: 'everything', namespace: 'aidboxops' },
    spec: { broker: 'aidboxops', subscriber: { uri } },
  };
}

/** Fails when the data of an event is not as its published schema says. */
export function assertAsPublished({ type, data, id }: SeenEvent): void {
  const text = readFileSync(join(repository, 'eventing', 'schemas', `${type}.json`), 'utf8');
  const schema = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
  const { error } = schema.safeParse(data);
  assert.equal(error === undefined ? '' : z.prettifyError(error), '', `${type} ${id}`);
}

/** An event that somebody makes up; every field but the type has a plausible default. */
export interface MadeUpEvent {
  readonly type: string;
  readonly id?: string;
  readonly source?: string;
  readonly subject?: string;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly data?: unknown;
}

/** Posts a CloudEvent, to the Broker unless told otherwise; gives its id and the status of the answer. */
export async function postEvent(
  environment: Environment,
  event: MadeUpEvent,
  url = environment.brokerUrl ?? '',
): Promise<{ id: string; status: number }> {
  const body = completed(event);
  const headers = { 'content-type': 'application/cloudevents+json' };
  const { status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { id: body.id, status };
}

/** Returns the whole event, as JSON has it. */
export function completed(event: MadeUpEvent): { readonly id: string; readonly [name: string]: unknown } {
  const { type, id = randomUUID(), source = '/test', subject, extensions, data } = event;
  return {
    specversion: '1.0',
    id,
    type,
    source,
    ...(subject === undefined ? {} : { subject }),
    ...extensions,
    ...(data === undefined ? {} : { datacontenttype: 'application/json', data }),
  };
}

/** A Kubernetes Event, in short. */
export interface KubernetesEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** The Kubernetes Events about an object, by its UID. */
export async function kubernetesEvents(access: NamespaceAccess, uid: string): Promise<KubernetesEvent[]> {
  const of = `involvedObject.uid=${uid}`;
  const text = await access.kubectl('get', 'events', '-n', access.namespace, '--field-selector', of, '-o', 'json');
  return (JSON.parse(text) as { items: KubernetesEvent[] }).items.map(({ type, reason, message }) => ({
    type,
    reason,
    message,
  }));
}

/** Waits for a Kubernetes Event with this reason. */
export function kubernetesEvent(access: NamespaceAccess, uid: string, reason: string): Promise<KubernetesEvent> {
  return eventually(`Event ${reason}`, async () =>
    (await kubernetesEvents(access, uid)).find((one) => one.reason === reason),
  );
}

/** A timer as kubectl shows it. */
export interface SeenTimer {
  readonly name: string;
  readonly schedule: string;
  readonly owner: string;
}

/** The timers of the functions (PingSources) in the namespace that are not being deleted. */
export async function timers(access: NamespaceAccess): Promise<SeenTimer[]> {
  const text = await access.kubectl('get', 'pingsources', '-n', access.namespace, '-o', 'json');
  const { items } = JSON.parse(text) as {
    items: {
      metadata: { name: string; deletionTimestamp?: string; ownerReferences: { uid: string }[] };
      spec: { schedule: string };
    }[];
  };
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec }) => ({
      name: metadata.name,
      schedule: spec.schedule,
      owner: metadata.ownerReferences[0]?.uid ?? '',
    }));
}
