/**
 * Our manifests against Knative's own definitions, as its releases install them, on a real API server. Knative's webhooks
 * do not run here: what only they refuse (`@every`, a Trigger that changes its Broker) the stand-ins' definitions refuse.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { buildPingSource } from '../../functions/domain/commands/ping-source.ts';
import {
  dailySchedule,
  halfMinuteSchedule,
  type Timer,
  type TimerPurpose,
} from '../../functions/domain/events/timer.ts';
import { getKnativeSources } from '../../tools/cluster/assets/knative.ts';
import { knativeDefinitions } from '../../local/knative/index.ts';
import { useEnvironment } from '../support/environment.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly [key: string]: unknown;
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

const root = join(import.meta.dirname, '../..');
const kustomizations = [
  'crds',
  'eventing',
  'eventing/base',
  'eventing/overlays/namespaced',
  'eventing/overlays/event-log',
];
/** The overlay for one namespace does not create it. */
const namespaces = ['aidboxops', 'databases'];

const environment = await useEnvironment();
const knative = new Map((await definitionsOfKnative()).map((definition) => [definition.metadata.name, definition]));
const manifests = new Map(await Promise.all(kustomizations.map(async (path) => [path, await build(path)] as const)));

before(async () => {
  await environment.kubectl(['apply', '--server-side', '-f', '-'], list([...knative.values()]));
  const names = [...knative.keys()].map((name) => `crd/${name}`);
  await environment.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...names]);
  const wanted = namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await environment.kubectl(['apply', '-f', '-'], list(wanted));
});

describe('every object is as Knative defines its kind', () => {
  for (const [path, objects] of manifests) {
    test(path, async () => {
      const answers = (await validate(objects)).trim().split('\n');
      assert.equal(answers.length, objects.length);
      for (const answer of answers)
        assert.match(answer, / (created|configured|unchanged|serverside-applied) \(server dry run\)$/);
    });
  }

  const schedules: Record<TimerPurpose, string> = {
    slot: dailySchedule('06:00:00'),
    backup: halfMinuteSchedule('0b7c9a3e-0000-4000-8000-000000000000', 0),
    rotation: halfMinuteSchedule('0b7c9a3e-0000-4000-8000-000000000001', 29),
  };
  for (const purpose of Object.keys(schedules) as TimerPurpose[]) {
    test(`the timer of a ${purpose}, made while the functions run`, async () => {
      const uid = '0b7c9a3e-0000-4000-8000-000000000000';
      const owner = { apiVersion: 'aidbox.pg/v01', kind: 'PgManager', name: 'm', namespace: 'databases', uid } as const;
      const timer: Timer = { purpose, owner, schedule: schedules[purpose], data: { name: 'm' } };
      assert.match(await validate([buildPingSource(timer)]), /created \(server dry run\)/);
    });
  }
});

describe('a mistake would be found', () => {
  const everything = [...manifests.values()].flat();
  const unknown = /unknown field "(spec\.)?nonesuch"/;
  const mistakes: readonly { kind: string; field: string; says: RegExp }[] = [
    { kind: 'Broker', field: 'nonesuch', says: unknown },
    { kind: 'PingSource', field: 'nonesuch', says: unknown },
    { kind: 'Service', field: 'nonesuch', says: unknown },
    { kind: 'SinkBinding', field: 'nonesuch', says: unknown },
    // Knative's definitions leave these two open for more; its webhook knows the fields, and the test below.
    { kind: 'ApiServerSource', field: 'resources', says: /resources/ },
    { kind: 'Trigger', field: 'broker', says: /broker/ },
  ];
  for (const { kind, field, says } of mistakes) {
    test(`${kind}: ${field}`, async () => {
      const good = everything.find((object) => object.kind === kind);
      assert.ok(good, `no ${kind} in the manifests`);
      await assert.rejects(validate([{ ...good, spec: { ...good.spec, [field]: 1 } }]), says);
    });
  }
});

test('every field of a spec has a name that Knative knows, also where its definition is open', () => {
  const specs = [...knative.values()].map((definition) => [definition.spec.names.kind, specOf(definition)] as const);
  const known = new Map(specs.map(([kind, { properties }]) => [kind, new Set(Object.keys(properties ?? {}))]));
  const ours = [...manifests.values()].flat().filter(({ apiVersion }) => apiVersion.includes('.knative.dev/'));
  assert.ok(ours.length > 0);
  for (const { kind, metadata, spec = {} } of ours) {
    const unknown = Object.keys(spec).filter((field) => known.get(kind)?.has(field) !== true);
    assert.deepEqual(unknown, [], `${kind} ${metadata.name}`);
  }
});

describe('the definitions of the stand-ins know no field that Knative does not have', () => {
  // Not in Knative's schemas, which are open at this place; in Knative's Go types they are (eventing `DeliverySpec`).
  const inCode = new Set(['delivery.timeout', 'delivery.format']);
  for (const definition of knativeDefinitions() as Definition[]) {
    const { name } = definition.metadata;
    test(name, () => {
      const theirs = knative.get(name);
      assert.ok(theirs, `Knative does not define ${name}`);
      const real = new Set(fields(specOf(theirs)));
      const ours = fields(specOf(definition)).filter((field) => !inCode.has(field));
      assert.ok(ours.length > 0);
      assert.deepEqual(
        ours.filter((field) => !real.has(field)),
        [],
      );
    });
  }
});

/** Without their conversion webhook, which would have to run: all of ours is in the stored version. */
async function definitionsOfKnative(): Promise<Definition[]> {
  const eventing = join(await getKnativeSources('eventing'), 'config/core/resources');
  const serving = join(await getKnativeSources('serving'), 'config/core/300-resources');
  const kinds = ['apiserversource', 'broker', 'pingsource', 'sinkbindings', 'trigger'];
  return [...kinds.map((kind) => join(eventing, `${kind}.yaml`)), join(serving, 'service.yaml')].map((file) => {
    const definition = parse(readFileSync(file, 'utf8')) as Definition;
    return { ...definition, spec: { ...definition.spec, conversion: { strategy: 'None' } } };
  });
}

async function build(path: string): Promise<Manifest[]> {
  const text = await environment.kubectl(['kustomize', join(root, path)]);
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function validate(objects: readonly object[]): Promise<string> {
  return environment.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], list(objects));
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function specOf({ spec }: Definition): Schema {
  const v1 = spec.versions.find(({ name }) => name === 'v1');
  const schema = v1?.schema.openAPIV3Schema.properties?.['spec'];
  assert.ok(schema, 'no version v1');
  return schema;
}

/** Paths of all fields of a schema, such as `delivery.retry`; a list is `resources[]`. */
function fields(schema: Schema, path = ''): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const here = path === '' ? name : `${path}.${name}`;
    return [here, ...fields(child, here)];
  });
  return schema.items === undefined ? own : [...own, ...fields(schema.items, `${path}[]`)];
}
