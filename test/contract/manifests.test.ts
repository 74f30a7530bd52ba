/** The manifests of eventing/: that they build, route as the design says, grant no more than needed, and match the code. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { eventType } from '../../functions/domain/events/cloud-event.ts';
import { brokerName, installationNamespace } from '../../functions/domain/resources/names.ts';
import { functionNames } from '../../tools/build.ts';
import type {
  ApiServerSource,
  Broker,
  KnativeService,
  PingSource,
  SinkBinding,
  Trigger,
} from '../../local/knative/core/objects.ts';
import type { Metadata } from '../../local/kubernetes/client/objects.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: Metadata & { readonly annotations?: Readonly<Record<string, string>> };
}

interface Role extends Manifest {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

interface Binding extends Manifest {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

const root = join(import.meta.dirname, '../..');
/** The one list of them in the tests, so that losing a function is noticed. */
const functions = ['backup', 'rotation', 'schedule', 'storage'];
const installation = load(join(root, 'eventing'));
const [broker] = ofKind<Broker>('Broker');
const { deadLetterSink, ...brokerDelivery } = broker?.spec.delivery ?? {};
const triggers = ofKind<Trigger>('Trigger');
const services = ofKind<KnativeService>('Service');

describe('kustomize', () => {
  const eventing = ['ApiServerSource', 'Broker', 'PingSource', 'SinkBinding', 'Trigger'];
  const ofInstallation = [...eventing, 'ClusterRole', 'Namespace', 'Service', 'ServiceAccount'];
  const wanted: Readonly<Record<string, readonly string[]>> = {
    crds: ['CustomResourceDefinition'],
    eventing: [...ofInstallation, 'ClusterRoleBinding'],
    'eventing/overlays/namespaced': [...ofInstallation, 'Role', 'RoleBinding'],
    'eventing/overlays/event-log': ['Service', 'Trigger'],
  };
  for (const [folder, kinds] of Object.entries(wanted)) {
    it(`builds ${folder}, every object labelled as part of aidboxops`, () => {
      const objects = build(folder);
      assert.deepEqual([...new Set(objects.map((object) => object.kind))].sort(), kinds.toSorted());
      for (const { kind, metadata } of objects) {
        assert.equal(metadata.labels?.['app.kubernetes.io/part-of'], 'aidboxops', `${kind} ${metadata.name}`);
      }
    });
  }

  it('builds the objects that a plain reader of kustomization.yaml finds', () => {
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

  it('restricts the overlay for one namespace to it, whole', () => {
    const objects = build('eventing/overlays/namespaced');
    const cluster = objects.filter((object) => /^ClusterRole/.test(object.kind)).map((object) => object.metadata.name);
    assert.deepEqual(cluster.sort(), ['aidboxops-edit', 'aidboxops-view']);
    const granting = objects.filter((object) => /^Role/.test(object.kind));
    assert.equal(granting.length, 10);
    for (const { kind, metadata } of granting)
      assert.equal(metadata.namespace, 'databases', `${kind} ${metadata.name}`);
    for (const { metadata, roleRef, subjects } of objects.filter(isOf<Binding>('RoleBinding'))) {
      assert.deepEqual([roleRef.kind, roleRef.name], ['Role', metadata.name]);
      assert.deepEqual([subjects[0]?.kind, subjects[0]?.namespace], ['ServiceAccount', installationNamespace]);
    }
    for (const { spec } of objects.filter(isOf<KnativeService>('Service')))
      assert.deepEqual(spec.template.spec.containers[0]?.env, [{ name: 'AIDBOX_NAMESPACE', value: 'databases' }]);
    const source = objects.find(isOf<ApiServerSource>('ApiServerSource'));
    assert.deepEqual(source?.spec.namespaceSelector, { matchLabels: { 'kubernetes.io/metadata.name': 'databases' } });
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
    assert.deepEqual([deadLetterSink?.ref?.name, deadLetterSink?.uri], ['schedule', '/undelivered']);
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
      assert.deepEqual(woken.map(({ ref }) => ref?.name).sort(), wakes);
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
      assert.ok((delivery.retry ?? 0) >= 3, 'gives a cold start and a short outage time');
      assert.match(delivery.backoffDelay ?? '', /^PT\d+S$/);
      const { name = '', ...reference } = subscriber.ref ?? {};
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
    const ticks = ofKind<PingSource>('PingSource').map(({ metadata, spec }) => ({
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
    const [source] = ofKind<ApiServerSource>('ApiServerSource');
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
      for (const { metadata, spec } of ofKind<PingSource>(kind)) {
        const { kind: sink, name, namespace } = spec.sink.ref ?? {};
        assert.deepEqual([sink, name, namespace], ['Broker', brokerName, installationNamespace], metadata.name);
      }
    }
  });

  it('bind the sink of exactly the four functions', () => {
    const [binding] = ofKind<SinkBinding>('SinkBinding');
    const wanted = Object.entries(binding?.spec.subject.selector?.matchLabels ?? {});
    const bound = services.filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value));
    assert.deepEqual(bound.map((service) => service.metadata.name).sort(), functions);
  });
});

describe('Services', () => {
  it('are the four functions', () => {
    assert.deepEqual(services.map((service) => service.metadata.name).sort(), functions);
    assert.deepEqual(functionNames().toSorted(), functions);
  });

  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  for (const { metadata, spec } of services) {
    const { name } = metadata;
    const { containerConcurrency = 0, containers, ...others } = spec.template.spec;

    it(`${name} cannot be reached from outside and goes to zero`, () => {
      assert.equal(metadata.labels?.['networking.knative.dev/visibility'], 'cluster-local');
      const { 'autoscaling.knative.dev/max-scale': most, ...annotations } = spec.template.metadata?.annotations ?? {};
      assert.deepEqual(annotations, {
        'autoscaling.knative.dev/min-scale': '0',
        'autoscaling.knative.dev/window': '15s',
      });
      assert.ok(Number(most) >= 1);
    });

    it(`${name} runs its own bundle under its own ServiceAccount, bounded but in CPU, without rights on the node`, () => {
      assert.ok(containerConcurrency >= 1);
      assert.deepEqual(others, { serviceAccountName: name, timeoutSeconds: 120 });
      assert.deepEqual(containers, [
        {
          name: 'function',
          image: `ghcr.io/aidbox/aidboxops:${version}`,
          command: ['node', '/app/boot.cjs', name],
          // Empty means all namespaces.
          env: [{ name: 'AIDBOX_NAMESPACE', value: '' }],
          // Without periodSeconds, which Knative does every 50 ms.
          readinessProbe: { httpGet: { path: '/healthz' } },
          resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '160Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
        },
      ]);
    });
  }
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

  it('of each account are what it needs and nothing else', () => {
    const shared = ['list pgmanagers', 'patch pgmanagers/status', 'list pgbackups', 'create events'];
    const timers = ['create', 'patch', 'delete'].map((verb) => `${verb} pingsources`);
    const cluster = ['get namespaces'];
    const database = ['get statefulsets', 'list statefulsets', 'list pods', 'get pods/exec', 'create pods/exec'];
    const wanted: Readonly<Record<string, readonly string[]>> = {
      schedule: [...shared, ...timers, 'get pingsources', 'get pgmanagers', 'get pgbackups', 'create pgbackups'],
      backup: [...shared, ...timers, ...cluster, ...database, 'get pgbackups', 'patch pgbackups/status'],
      rotation: [...shared, ...timers, ...cluster, ...database, 'get pgmanagers', 'delete pgbackups'],
      storage: [...shared, ...database, 'get pgmanagers'],
      'apiserver-source': ['get', 'list', 'watch'].flatMap((verb) => [`${verb} pgmanagers`, `${verb} pgbackups`]),
    };
    const bindings = ofKind<Binding>('ClusterRoleBinding');
    const accounts = bindings.flatMap(({ subjects }) => subjects);
    for (const { kind, namespace } of accounts)
      assert.deepEqual([kind, namespace], ['ServiceAccount', installationNamespace]);
    assert.deepEqual(accounts.map(({ name }) => name).sort(), Object.keys(wanted).sort());
    for (const { roleRef, subjects } of bindings) {
      const granted = roles.filter(({ metadata }) => metadata.name === roleRef.name).flatMap(grantsOf);
      for (const { name } of subjects) assert.deepEqual(granted.toSorted(), wanted[name]?.toSorted(), name);
    }
  });
});

/** API groups of what the functions work with. */
const groups: Readonly<Record<string, string>> = {
  pgmanagers: 'aidbox.pg',
  pgbackups: 'aidbox.pg',
  pingsources: 'sources.knative.dev',
  statefulsets: 'apps',
  pods: '',
  namespaces: '',
  events: '',
};

/** Returns what a role grants, as `verb resource`. */
function grantsOf({ rules }: Role): string[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    resources.flatMap((resource) => {
      assert.deepEqual(apiGroups, [groups[resource.split('/')[0] ?? '']], resource);
      return verbs.map((verb) => `${verb} ${resource}`);
    }),
  );
}

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

function ofKind<T extends { readonly kind: string }>(kind: string): T[] {
  return (installation as readonly { readonly kind: string }[]).filter(isOf<T>(kind));
}

function isOf<T extends { readonly kind: string }>(kind: string): (object: { readonly kind: string }) => object is T {
  return (object): object is T => object.kind === kind;
}

/** Whether a Trigger's exact filter lets an event with these attributes through. */
function matches(trigger: Trigger, event: Readonly<Record<string, string>>): boolean {
  return Object.entries(trigger.spec.filter?.attributes ?? {}).every(([name, value]) => event[name] === value);
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

function build(folder: string): Manifest[] {
  return documents(execFileSync('kubectl', ['kustomize', join(root, folder)], { encoding: 'utf8' }));
}
