/** The manifests of eventing/: that they build, route as the design says, grant no more than needed, and match the code. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { eventType } from '../../functions/domain/events/cloud-event.ts';
import { brokerName, installationNamespace } from '../../functions/domain/resources/names.ts';
import { functionNames } from '../../tools/build.ts';
import { startApiServer, type ApiServer } from '../support/api-server.ts';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

interface Delivery {
  readonly deadLetterSink?: { readonly ref: Reference; readonly uri: string };
  readonly retry: number;
  readonly backoffPolicy: string;
  readonly backoffDelay: string;
  readonly timeout: string;
}

interface Broker extends Manifest {
  readonly spec: { readonly delivery: Delivery };
}

interface Trigger extends Manifest {
  readonly spec: {
    readonly broker: string;
    readonly filter: { readonly attributes: Readonly<Record<string, string>> };
    /** Replaces the Broker's as a whole, but for the dead letter sink. */
    readonly delivery?: Delivery;
    readonly subscriber: { readonly ref: Reference };
  };
}

interface Source extends Manifest {
  readonly spec: {
    readonly schedule?: string;
    readonly timezone?: string;
    readonly ceOverrides?: { readonly extensions: Readonly<Record<string, string>> };
    readonly mode?: string;
    readonly resources?: readonly { readonly apiVersion: string; readonly kind: string }[];
    readonly namespaceSelector?: object;
    readonly serviceAccountName?: string;
    readonly sink: { readonly ref: Reference };
    readonly subject?: { readonly selector: { readonly matchLabels: Readonly<Record<string, string>> } };
  };
}

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly readinessProbe: object;
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly securityContext: object;
}

interface Service extends Manifest {
  readonly spec: {
    readonly template: {
      readonly metadata: Manifest['metadata'];
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containerConcurrency: number;
        readonly timeoutSeconds: number;
        readonly containers: readonly Container[];
      };
    };
  };
}

interface Role extends Manifest {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

const root = join(import.meta.dirname, '../..');
/** The one list of them in the tests, so that losing a function is noticed. */
const functions = ['backup', 'rotation', 'schedule', 'storage'];
const installation = load(join(root, 'eventing'));
const [broker] = ofKind<Broker>('Broker');
const { deadLetterSink, ...brokerDelivery } = broker!.spec.delivery;
const triggers = ofKind<Trigger>('Trigger');
const services = ofKind<Service>('Service');

describe('kustomize', () => {
  const kubectl = hasKubectl();
  const needsKubectl = { skip: kubectl ? false : 'needs kubectl on the PATH' };
  const wanted: Readonly<Record<string, readonly string[]>> = {
    crds: ['CustomResourceDefinition'],
    eventing: [
      'ApiServerSource',
      'Broker',
      'ClusterRole',
      'ClusterRoleBinding',
      'Namespace',
      'PingSource',
      'Service',
      'ServiceAccount',
      'SinkBinding',
      'Trigger',
    ],
    'eventing/overlays/namespaced': [
      'ApiServerSource',
      'Broker',
      'ClusterRole',
      'Namespace',
      'PingSource',
      'Role',
      'RoleBinding',
      'Service',
      'ServiceAccount',
      'SinkBinding',
      'Trigger',
    ],
    'eventing/overlays/event-log': ['Service', 'Trigger'],
  };
  for (const [folder, kinds] of Object.entries(wanted)) {
    it(`builds ${folder}, every object labelled as part of aidboxops`, needsKubectl, () => {
      const objects = build(folder);
      assert.deepEqual([...new Set(objects.map((object) => object.kind))].sort(), kinds);
      for (const { kind, metadata } of objects) {
        assert.equal(metadata.labels?.['app.kubernetes.io/part-of'], 'aidboxops', `${kind} ${metadata.name}`);
      }
    });
  }

  it('builds the objects that a plain reader of kustomization.yaml finds', needsKubectl, () => {
    const names = (objects: readonly Manifest[]): string[] =>
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`).sort();
    assert.deepEqual(names(build('eventing')), names(installation));
  });

  it('forgets no file', () => {
    for (const folder of ['crds', 'eventing/base', 'eventing/overlays/event-log', 'eventing/overlays/namespaced']) {
      const files = readdirSync(join(root, folder)).filter((file) => file !== 'kustomization.yaml');
      const listed = resourcesOf(join(root, folder)).filter((resource) => !resource.startsWith('..'));
      assert.deepEqual(listed.toSorted(), files.toSorted(), folder);
    }
  });

  it('restricts the overlay for one namespace to it, whole', needsKubectl, () => {
    const objects = build('eventing/overlays/namespaced');
    const cluster = objects.filter((object) => /^ClusterRole/.test(object.kind)).map((object) => object.metadata.name);
    assert.deepEqual(cluster.sort(), ['aidboxops-edit', 'aidboxops-view']);
    const granting = objects.filter((object) => /^Role/.test(object.kind));
    assert.equal(granting.length, 10);
    for (const { kind, metadata } of granting)
      assert.equal(metadata.namespace, 'databases', `${kind} ${metadata.name}`);
    for (const binding of objects.filter((object) => object.kind === 'RoleBinding')) {
      const { roleRef, subjects } = binding as Manifest & { roleRef: Reference; subjects: Reference[] };
      assert.deepEqual([roleRef.kind, roleRef.name], ['Role', binding.metadata.name]);
      assert.deepEqual([subjects[0]?.kind, subjects[0]?.namespace], ['ServiceAccount', installationNamespace]);
    }
    for (const service of objects.filter((object) => object.kind === 'Service') as Service[]) {
      assert.equal(environment(service)['AIDBOX_NAMESPACE'], 'databases');
    }
    const source = objects.find((object) => object.kind === 'ApiServerSource') as Source;
    assert.deepEqual(source.spec.namespaceSelector, { matchLabels: { 'kubernetes.io/metadata.name': 'databases' } });
  });
});

describe('Broker', () => {
  it('is the one that the code sends to', () => {
    assert.deepEqual([broker?.metadata.namespace, broker?.metadata.name], [installationNamespace, brokerName]);
  });

  it('accepts events before they are delivered', () => {
    assert.equal(broker?.metadata.annotations?.['messaging.knative.dev/async-handler'], 'true');
    assert.equal(broker.metadata.annotations['eventing.knative.dev/broker.class'], 'MTChannelBasedBroker');
  });

  it('sends dead letters to schedule', () => {
    assert.deepEqual([deadLetterSink?.ref.name, deadLetterSink?.uri], ['schedule', '/undelivered']);
  });
});

describe('Triggers', () => {
  const ping = 'dev.knative.sources.ping';
  const resource = 'dev.knative.apiserver.resource';
  const routes: readonly { event: Readonly<Record<string, string>>; wakes: readonly string[] }[] = [
    { event: { type: `${resource}.add`, kind: 'PgManager' }, wakes: ['schedule', 'storage'] },
    { event: { type: `${resource}.update`, kind: 'PgManager' }, wakes: ['schedule'] },
    { event: { type: `${resource}.delete`, kind: 'PgManager' }, wakes: [] },
    { event: { type: `${resource}.add`, kind: 'PgBackup' }, wakes: ['backup'] },
    { event: { type: `${resource}.update`, kind: 'PgBackup' }, wakes: [] },
    { event: { type: `${resource}.delete`, kind: 'PgBackup' }, wakes: ['backup'] },
    { event: { type: `${resource}.add`, kind: 'Pod' }, wakes: [] },
    { event: { type: ping, pgpurpose: 'slot' }, wakes: ['schedule'] },
    { event: { type: ping, pgpurpose: 'sweep' }, wakes: ['schedule'] },
    { event: { type: ping, pgpurpose: 'backup' }, wakes: ['backup'] },
    { event: { type: ping, pgpurpose: 'rotation' }, wakes: ['rotation'] },
    { event: { type: ping, pgpurpose: 'probe' }, wakes: ['storage'] },
    { event: { type: ping }, wakes: [] },
    { event: { type: eventType.sweepPage }, wakes: ['schedule'] },
    { event: { type: eventType.probePage }, wakes: ['storage'] },
    { event: { type: eventType.reconcileRequested, pgpurpose: 'backup' }, wakes: ['backup'] },
    { event: { type: eventType.reconcileRequested, pgpurpose: 'rotation' }, wakes: ['rotation'] },
    { event: { type: eventType.wake }, wakes: ['backup'] },
    { event: { type: eventType.backupSucceeded }, wakes: ['rotation'] },
    { event: { type: eventType.backupStarted }, wakes: [] },
    { event: { type: eventType.backupFailed }, wakes: [] },
    { event: { type: eventType.backupMissed }, wakes: [] },
    { event: { type: eventType.rotationSucceeded }, wakes: [] },
    { event: { type: eventType.rotationFailed }, wakes: [] },
    { event: { type: eventType.storageAvailable }, wakes: [] },
    { event: { type: eventType.storageUnavailable }, wakes: [] },
  ];
  for (const { event, wakes } of routes) {
    it(`wake ${wakes.join(' and ') || 'nobody'} for ${Object.values(event).join(' ')}`, () => {
      const woken = triggers.filter((trigger) => matches(trigger, event)).map((trigger) => trigger.spec.subscriber);
      assert.deepEqual(woken.map((subscriber) => subscriber.ref.name).sort(), wakes);
    });
  }

  it('each serve one row of the table', () => {
    for (const trigger of triggers) {
      const rows = routes.filter(({ event }) => matches(trigger, event));
      assert.equal(rows.length, 1, trigger.metadata.name);
    }
  });

  for (const trigger of triggers) {
    it(`${trigger.metadata.name} has a whole delivery, its own or the Broker's, and calls a function of ours`, () => {
      const { delivery = brokerDelivery, subscriber } = trigger.spec;
      assert.equal(trigger.spec.broker, brokerName);
      assert.deepEqual(Object.keys(delivery).sort(), ['backoffDelay', 'backoffPolicy', 'retry', 'timeout']);
      assert.equal(delivery.timeout, 'PT60S');
      assert.equal(delivery.backoffPolicy, 'exponential');
      assert.ok(delivery.retry >= 3, 'gives a cold start and a short outage time');
      assert.match(delivery.backoffDelay, /^PT\d+S$/);
      const { name, ...reference } = subscriber.ref;
      const service = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', namespace: installationNamespace };
      assert.deepEqual(reference, service);
      assert.ok(functions.includes(name));
    });
  }

  it('have a delivery of their own only where it differs from that of the Broker', () => {
    const own = triggers.filter(({ spec }) => spec.delivery !== undefined);
    assert.ok(own.length > 0);
    for (const { metadata, spec } of own) assert.notDeepEqual(spec.delivery, brokerDelivery, metadata.name);
  });
});

describe('sources', () => {
  it('tick for sweep and probe, in UTC, with seconds, off each other', () => {
    const ticks = ofKind<Source>('PingSource').map(({ metadata, spec }) => ({
      name: metadata.name,
      schedule: spec.schedule,
      timezone: spec.timezone,
      extensions: spec.ceOverrides?.extensions,
    }));
    assert.deepEqual(ticks, [
      { name: 'sweep', schedule: '40 7,22,37,52 * * * *', timezone: 'UTC', extensions: { pgpurpose: 'sweep' } },
      { name: 'probe', schedule: '20 0,15,30,45 * * * *', timezone: 'UTC', extensions: { pgpurpose: 'probe' } },
    ]);
  });

  it('watch our two kinds in all namespaces', () => {
    const [source] = ofKind<Source>('ApiServerSource');
    assert.deepEqual(source?.spec.resources, [
      { apiVersion: 'aidbox.pg/v01', kind: 'PgManager' },
      { apiVersion: 'aidbox.pg/v01', kind: 'PgBackup' },
    ]);
    assert.deepEqual(source.spec.namespaceSelector, {});
    assert.equal(source.spec.mode, 'Resource');
    assert.equal(source.spec.serviceAccountName, 'apiserver-source');
  });

  it('send everything to the Broker', () => {
    for (const kind of ['PingSource', 'ApiServerSource', 'SinkBinding']) {
      for (const { metadata, spec } of ofKind<Source>(kind)) {
        const { kind: sink, name, namespace } = spec.sink.ref;
        assert.deepEqual([sink, name, namespace], ['Broker', brokerName, installationNamespace], metadata.name);
      }
    }
  });

  it('bind the sink of exactly the four functions', () => {
    const [binding] = ofKind<Source>('SinkBinding');
    const wanted = Object.entries(binding?.spec.subject?.selector.matchLabels ?? {});
    const bound = services.filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value));
    assert.deepEqual(bound.map((service) => service.metadata.name).sort(), functions);
  });
});

describe('Services', () => {
  it('are the four functions', () => {
    assert.deepEqual(services.map((service) => service.metadata.name).sort(), functions);
    assert.deepEqual(functionNames().toSorted(), functions);
  });

  for (const service of services) {
    const { name } = service.metadata;
    const { metadata, spec } = service.spec.template;
    const [container] = spec.containers as [Container];

    it(`${name} cannot be reached from outside and goes to zero`, () => {
      assert.equal(service.metadata.labels?.['networking.knative.dev/visibility'], 'cluster-local');
      const { annotations = {} } = metadata;
      assert.equal(annotations['autoscaling.knative.dev/min-scale'], '0');
      assert.ok(Number(annotations['autoscaling.knative.dev/max-scale']) >= 1);
      assert.equal(annotations['autoscaling.knative.dev/window'], '15s');
    });

    it(`${name} is bounded in concurrency, time and memory, but not in CPU`, () => {
      assert.ok(spec.containerConcurrency >= 1);
      assert.equal(spec.timeoutSeconds, 120);
      assert.deepEqual(container.resources, {
        requests: { cpu: '50m', memory: '96Mi' },
        limits: { memory: '160Mi' },
      });
    });

    it(`${name} runs its own bundle under its own ServiceAccount, with no rights on the node`, () => {
      assert.equal(spec.containers.length, 1);
      assert.deepEqual(container.command, ['node', '/app/boot.cjs', name]);
      assert.equal(spec.serviceAccountName, name);
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      });
      assert.match(container.image, /^ghcr\.io\/aidbox\/aidboxops:\d+\.\d+\.\d+$/);
    });

    it(`${name} is probed without periodSeconds, which Knative does every 50 ms`, () => {
      assert.deepEqual(container.readinessProbe, { httpGet: { path: '/healthz' } });
    });

    it(`${name} works in all namespaces`, () => {
      assert.equal(environment(service)['AIDBOX_NAMESPACE'], '');
    });
  }

  it('use the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const images = new Set(services.map((service) => service.spec.template.spec.containers[0]?.image));
    assert.deepEqual([...images], [`ghcr.io/aidbox/aidboxops:${version}`]);
  });
});

describe('rights', () => {
  const roles = ofKind<Role>('ClusterRole');

  it('have no wildcard and nothing that leads to more rights', () => {
    for (const { metadata, rules } of roles) {
      for (const rule of rules) {
        const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
        assert.ok(!words.some((word) => word.includes('*')), metadata.name);
        assert.ok(!rule.verbs.some((verb) => ['escalate', 'bind', 'impersonate'].includes(verb)), metadata.name);
        assert.ok(!rule.resources.includes('secrets'), metadata.name);
      }
    }
  });

  it('reach users through the roles of the cluster', () => {
    const labels = Object.fromEntries(
      roles
        .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'user-access')
        .map(({ metadata }) => [
          metadata.name,
          Object.keys(metadata.labels ?? {}).filter((key) => key.startsWith('rbac.authorization.k8s.io/')),
        ]),
    );
    assert.deepEqual(labels, {
      'aidboxops-edit': ['rbac.authorization.k8s.io/aggregate-to-admin', 'rbac.authorization.k8s.io/aggregate-to-edit'],
      'aidboxops-view': ['rbac.authorization.k8s.io/aggregate-to-view'],
    });
  });

  describe('as the API server judges them', () => {
    let server: ApiServer;
    let directory: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'aidboxops-rights-'));
      server = await startApiServer({ dir: directory });
      for (const object of installation.filter(({ kind }) => /^ClusterRole/.test(kind))) {
        const path = `/apis/rbac.authorization.k8s.io/v1/${object.kind.toLowerCase()}s`;
        const answer = await server.api.send({ method: 'POST', path, body: object });
        assert.equal(answer.status, 201, JSON.stringify(answer.body));
      }
    });

    after(async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    });

    // `verb resource`; everything that is not listed for a function is refused to it.
    const shared = ['list pgmanagers', 'patch pgmanagers/status', 'list pgbackups', 'create events'];
    const timers = ['create', 'patch', 'delete'].map((verb) => `${verb} pingsources`);
    const database = ['get statefulsets', 'list statefulsets', 'list pods', 'get pods/exec', 'create pods/exec'];
    const granted: Readonly<Record<string, readonly string[]>> = {
      schedule: [...shared, ...timers, 'get pingsources', 'get pgmanagers', 'get pgbackups', 'create pgbackups'],
      backup: [...shared, ...timers, ...database, 'get pgbackups', 'patch pgbackups/status'],
      rotation: [...shared, ...timers, ...database, 'get pgmanagers', 'delete pgbackups'],
      storage: [...shared, ...database, 'get pgmanagers'],
      'apiserver-source': ['get', 'list', 'watch'].flatMap((verb) => [`${verb} pgmanagers`, `${verb} pgbackups`]),
    };
    const groups: Readonly<Record<string, string>> = {
      pgmanagers: 'aidbox.pg',
      pgbackups: 'aidbox.pg',
      pingsources: 'sources.knative.dev',
      statefulsets: 'apps',
      pods: '',
      events: '',
      secrets: '',
      configmaps: '',
      serviceaccounts: '',
    };
    const everything = [
      ...Object.keys(groups),
      'pgmanagers/status',
      'pgbackups/status',
      'pods/exec',
      'pods/log',
    ].flatMap((resource) =>
      ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'].map(
        (verb) => `${verb} ${resource}`,
      ),
    );

    for (const [name, wanted] of Object.entries(granted)) {
      it(`${name} may do what it needs and nothing else`, async () => {
        const allowed: string[] = [];
        for (const right of everything) {
          const [verb, what = ''] = right.split(' ');
          const [resource = '', subresource] = what.split('/');
          const answer = await server.api.send({
            method: 'POST',
            path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
            body: {
              spec: {
                user: `system:serviceaccount:${installationNamespace}:${name}`,
                resourceAttributes: { namespace: 'shop', verb, group: groups[resource], resource, subresource },
              },
            },
          });
          if ((answer.body['status'] as { allowed: boolean }).allowed) allowed.push(right);
        }
        assert.deepEqual(allowed.sort(), wanted.toSorted());
      });
    }
  });
});

describe('schemas of our CloudEvents', () => {
  const folder = join(root, 'eventing/schemas');
  const schemas = readdirSync(folder).map((file) => ({
    file,
    schema: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Readonly<Record<string, unknown>>,
  }));

  it('exist for every type that the code knows, and no other', () => {
    const wanted = Object.values(eventType).map((type) => `${type}.json`);
    assert.deepEqual(schemas.map(({ file }) => file).sort(), wanted.sort());
  });

  for (const { file, schema } of schemas) {
    const type = file.replace(/\.json$/, '');
    const check = z.fromJSONSchema(schema);
    const examples = schema['examples'] as Readonly<Record<string, unknown>>[];
    const required = schema['required'] as string[];

    it(`${type} is a described JSON Schema of an object`, () => {
      assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
      assert.equal(schema['$id'], `urn:cloudevents:${type}:data`);
      assert.equal(schema['type'], 'object');
      const properties = Object.entries(schema['properties'] as Record<string, { description?: string }>);
      for (const [name, property] of properties) assert.ok(property.description, name);
    });

    it(`${type} accepts its example, and properties of a later release`, () => {
      for (const example of examples) {
        assert.deepEqual(check.safeParse(example).error?.issues, undefined);
        assert.ok(check.safeParse({ ...example, later: 1 }).success);
      }
    });

    it(`${type} demands each required property`, () => {
      for (const name of required) {
        assert.ok(!check.safeParse({ ...examples[0], [name]: undefined }).success, name);
        assert.ok(!check.safeParse({ ...examples[0], [name]: {} }).success, name);
      }
    });
  }
});

function ofKind<T extends Manifest>(kind: string): T[] {
  return installation.filter((object) => object.kind === kind) as T[];
}

/** Whether a Trigger's exact filter lets an event with these attributes through. */
function matches(trigger: Trigger, event: Readonly<Record<string, string>>): boolean {
  return Object.entries(trigger.spec.filter.attributes).every(([name, value]) => event[name] === value);
}

function environment(service: Service): Readonly<Record<string, string>> {
  const [container] = service.spec.template.spec.containers;
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
}

function resourcesOf(folder: string): string[] {
  return (parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as { resources: string[] }).resources;
}

/** The objects of a kustomization without transformers, found without kustomize. */
function load(folder: string): Manifest[] {
  return resourcesOf(folder).flatMap((resource) => {
    const path = join(folder, resource);
    return resource.endsWith('.yaml') ? documents(readFileSync(path, 'utf8')) : load(path);
  });
}

function documents(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function hasKubectl(): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'kubectl')));
}

function build(folder: string): Manifest[] {
  return documents(execFileSync('kubectl', ['kustomize', join(root, folder)], { encoding: 'utf8' }));
}
