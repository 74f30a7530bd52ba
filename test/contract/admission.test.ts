/**
 * What a cluster's admission says to what we ship: Pods of the four functions where Pod Security is `restricted`, the CRDs
 * beside those that are installed, and objects that are wrong.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { onPath } from '../../local/assets/path.ts';
import { buildManager, demoNamespace } from '../../local/demo/objects.ts';
import { kubectlRunner, type Kubectl } from '../../local/machine/kubectl.ts';
import type { ApiAnswer } from '../../local/kubernetes/client/api-client.ts';
import { serveKinds, type ServedKinds } from '../support/definitions.ts';

interface Container {
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly env: readonly object[];
  readonly readinessProbe?: object;
  readonly [key: string]: unknown;
}

interface Template {
  readonly metadata: object;
  readonly spec: {
    readonly timeoutSeconds: number;
    readonly containerConcurrency: number;
    readonly containers: readonly [Container];
    readonly [key: string]: unknown;
  };
}

interface Service {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: Template };
}

const repository = join(import.meta.dirname, '../..');
const restricted = 'restricted';
const manifest = readFileSync(join(repository, 'eventing/base/services.yaml'), 'utf8');
const services = parseAllDocuments(manifest).map((document) => document.toJS() as Service);

let served: ServedKinds;
let kubectl: Kubectl;

before(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-admission-'));
  served = await serveKinds(dir, ['shop', demoNamespace]);
  const program = onPath('kubectl');
  assert.ok(program, 'kubectl is on the PATH: npm test puts it there');
  kubectl = kubectlRunner(program, served.server.kubeConfigPath, dir);
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await served.kube.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: restricted, labels },
  });
});

after(() => (served as ServedKinds | undefined)?.close());

describe('a Pod of a function where Pod Security is restricted', () => {
  it('is tried for all four', () => {
    assert.deepEqual(services.map(({ metadata }) => metadata.name).sort(), [
      'backup',
      'rotation',
      'schedule',
      'storage',
    ]);
  });

  const loosened: Readonly<Record<string, { change: object; says: RegExp }>> = {
    'may escalate': {
      change: { allowPrivilegeEscalation: true },
      says: /allowPrivilegeEscalation != false \(container "function" must set securityContext\.allowPrivilegeEscalation=false\)/,
    },
    'may be root': {
      change: { runAsNonRoot: false },
      says: /runAsNonRoot != true \(container "function" must not set securityContext\.runAsNonRoot=false\)/,
    },
    'keeps capabilities': {
      change: { capabilities: {} },
      says: /unrestricted capabilities \(container "function" must set securityContext\.capabilities\.drop=\["ALL"\]\)/,
    },
    'has no seccomp profile': {
      change: { seccompProfile: null },
      says: /seccompProfile \(pod or container "function" must set securityContext\.seccompProfile\.type/,
    },
  };
  for (const service of services) {
    const { name } = service.metadata;

    it(`${name} is admitted`, async () => {
      const answer = await create(podOf(service));
      assert.equal(answer.status, 201, message(answer));
      const { containers } = answer.body['spec'] as { containers: { name: string }[] };
      assert.deepEqual(
        containers.map((container) => container.name),
        ['function', 'queue-proxy'],
      );
    });

    for (const [what, { change, says }] of Object.entries(loosened)) {
      it(`${name} is refused if it ${what}`, async () => {
        const answer = await create(podOf(service, change));
        assert.equal(answer.status, 403, message(answer));
        assert.match(message(answer), /violates PodSecurity "restricted:latest": /);
        assert.match(message(answer), says);
      });
    }
  }
});

describe('kubectl apply --dry-run=server', () => {
  it('accepts the CRDs as they stand beside those that are installed', async () => {
    const answer = await kubectl(['apply', '--dry-run=server', '--server-side', '-k', join(repository, 'crds')]);
    assert.deepEqual(answer.trim().split('\n').sort(), [
      'customresourcedefinition.apiextensions.k8s.io/pgbackups.aidbox.pg serverside-applied (server dry run)',
      'customresourcedefinition.apiextensions.k8s.io/pgmanagers.aidbox.pg serverside-applied (server dry run)',
    ]);
  });

  it('refuses a field that does not exist and a value that is none, and names both', async () => {
    const wrong = {
      apiVersion: 'aidbox.pg/v01',
      kind: 'PgBackup',
      metadata: { name: 'manual-1', namespace: 'shop' },
      spec: { selector: { name: 'postgres' }, when: 'now' },
    };
    await assert.rejects(dryRun(wrong), { stderr: /unknown field "spec\.when"/ });
    const late = buildManager('24:00:00');
    await assert.rejects(dryRun(late), { stderr: /spec\.backup\.at must be a UTC time of day as 'HH:MM:SS'/ });
  });
});

/** The template's container with `change` in its security context, as Serving makes a Pod of it. */
function podOf({ metadata, spec: { template } }: Service, change: object = {}): object {
  const { containers, timeoutSeconds, containerConcurrency, ...spec } = template.spec;
  // queue-proxy asks the function whether it is ready; the kubelet does not.
  const { readinessProbe, ...container } = containers[0];
  const knative = {
    ports: [{ name: 'user-port', containerPort: 8080 }],
    lifecycle: { preStop: { httpGet: { port: 8022, path: '/wait-for-drain' } } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    env: [...container.env, { name: 'PORT', value: '8080' }, { name: 'K_SINK', value: 'http://broker' }],
    securityContext: { ...container.securityContext, ...change },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, generateName: `${metadata.name}-00001-deployment-` },
    spec: {
      ...spec,
      containers: [{ ...container, ...knative }, queueProxy({ readinessProbe, containerConcurrency })],
      terminationGracePeriodSeconds: timeoutSeconds,
      enableServiceLinks: false,
    },
  };
}

/** The sidecar of Serving 0.48.2, as pkg/reconciler/revision/resources/queue.go there has it, in what admission may ask for. */
function queueProxy(served: { readinessProbe: object | undefined; containerConcurrency: number }): object {
  return {
    name: 'queue-proxy',
    image: 'gcr.io/knative-releases/knative.dev/serving/cmd/queue:v0.48.2',
    ports: [
      { name: 'http-queueadm', containerPort: 8022 },
      { name: 'queue-port', containerPort: 8012 },
    ],
    env: [
      { name: 'SERVING_READINESS_PROBE', value: JSON.stringify(served.readinessProbe) },
      { name: 'CONTAINER_CONCURRENCY', value: String(served.containerConcurrency) },
    ],
    readinessProbe: { httpGet: { port: 8012 } },
    resources: { requests: { cpu: '25m' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

function create(pod: object): Promise<ApiAnswer> {
  const path = `/api/v1/namespaces/${restricted}/pods?fieldValidation=Strict`;
  return served.server.api.send({ method: 'POST', path, body: pod });
}

function message(answer: ApiAnswer): string {
  return String(answer.body['message']);
}

function dryRun(object: object): Promise<string> {
  return kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(object));
}
