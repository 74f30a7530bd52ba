/** What somebody outside of the product does and sees: posts CloudEvents, subscribes to them, reads Events, follows the documents. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import { fromMessage } from '../../local/knative/core/events.ts';
import { listen, readAll } from '../../local/knative/core/http.ts';
import { documentBlock } from './documents.ts';
import { eventually } from './eventually.ts';
import { type Shop } from './shop.ts';

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
export async function subscribe(shop: Shop): Promise<Consumer> {
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
  await shop.apply({
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name: 'everything', namespace: 'aidboxops' },
    spec: { broker: 'aidboxops', subscriber: { uri: server.url } },
  });
  await shop.kubectl('wait', '-n', 'aidboxops', 'trigger/everything', '--for=condition=Ready', '--timeout=30s');
  return {
    seen,
    about: (type, subject) => seen.filter((event) => event.type === type && event.subject === subject),
    close: () => server.close(),
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
  shop: Shop,
  event: MadeUpEvent,
  url = shop.environment.brokerUrl ?? '',
): Promise<{ id: string; status: number }> {
  const { type, id = randomUUID(), source = '/test', subject, extensions, data } = event;
  const body = {
    specversion: '1.0',
    id,
    type,
    source,
    ...(subject === undefined ? {} : { subject }),
    ...extensions,
    ...(data === undefined ? {} : { datacontenttype: 'application/json', data }),
  };
  const headers = { 'content-type': 'application/cloudevents+json' };
  const { status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { id, status };
}

/** What a tick of the PingSource `sweep` is to the functions. */
export async function sweep(shop: Shop): Promise<void> {
  const { status } = await postEvent(shop, {
    type: 'dev.knative.sources.ping',
    source: '/apis/v1/namespaces/aidboxops/pingsources/sweep',
    extensions: { pgpurpose: 'sweep' },
  });
  assert.equal(status, 202);
}

/** A Kubernetes Event, in short. */
export interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** The Kubernetes Events about an object, by its UID. */
export async function toldOf(shop: Shop, uid: string): Promise<Told[]> {
  const of = `involvedObject.uid=${uid}`;
  const text = await shop.kubectl('get', 'events', '-n', shop.namespace, '--field-selector', of, '-o', 'json');
  return (JSON.parse(text) as { items: Told[] }).items.map(({ type, reason, message }) => ({ type, reason, message }));
}

/** Waits for a Kubernetes Event with this reason. */
export function told(shop: Shop, uid: string, reason: string): Promise<Told> {
  return eventually(`Event ${reason}`, async () => (await toldOf(shop, uid)).find((one) => one.reason === reason));
}

/** A timer as kubectl shows it. */
export interface SeenTimer {
  readonly name: string;
  readonly schedule: string;
  readonly owner: string;
}

/** The timers of the functions (PingSources) in the shop's namespace that are not being deleted. */
export async function timers(shop: Shop): Promise<SeenTimer[]> {
  const text = await shop.kubectl('get', 'pingsources', '-n', shop.namespace, '-o', 'json');
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

/** Runs a block of the documents as a reader would, with the environment's kubectl. */
export async function follow(shop: Shop, block: string): Promise<string> {
  const { kubectlPath, kubeConfigPath } = shop.environment;
  const env = {
    ...process.env,
    KUBECONFIG: kubeConfigPath,
    PATH: `${dirname(kubectlPath)}:${process.env['PATH'] ?? ''}`,
  };
  const { stdout } = await promisify(execFile)('sh', ['-euc', documentBlock(block)], { cwd: repository, env });
  return stdout;
}

/** Names in a directory of the database's container; none when it is not there. */
export async function filesIn(shop: Shop, { namespace, pod }: Database, directory: string): Promise<string[]> {
  const list = `ls -A ${directory} 2>/dev/null || true`;
  const text = await shop.kubectl('exec', '-n', namespace, pod, '-c', 'postgres', '--', 'sh', '-c', list);
  return text.split('\n').filter(Boolean);
}
