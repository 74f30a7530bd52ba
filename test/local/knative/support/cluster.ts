/** A real API server with the Knative definitions and the stand-ins on it. The only file that knows who starts it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Kube } from '../../../../functions/platform/kubernetes/client.ts';
import type { ApiClient } from '../../../../local/kubernetes/client/api-client.ts';
import { collectionPath } from '../../../../local/kubernetes/client/objects.ts';
import { knativeDefinitions, startEventing, type Eventing, type TraceEvent } from '../../../../local/knative/index.ts';
import { installDefinitions } from '../../../../local/install.ts';
import { startApiServer } from '../../../support/api-server.ts';
import { eventually } from '../../../support/eventually.ts';

/** What a test may do with it. */
export interface TestCluster {
  readonly dir: string;
  readonly kube: Kube;
  readonly api: ApiClient;
  readonly trace: TraceEvent[];
  readonly eventing: Eventing;
  /** Server-side apply of a manifest; fails unless the API server takes it. */
  apply(manifest: Manifest): Promise<void>;
  /** The object now. */
  read(manifest: Manifest): Promise<Record<string, unknown> | undefined>;
  /** Waits until the condition Ready is `status` and returns its reason. */
  untilReady(manifest: Manifest, status?: string): Promise<string | undefined>;
  remove(manifest: Manifest): Promise<void>;
  stop(): Promise<void>;
}

/** A manifest as one writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

interface WithConditions {
  readonly status?: { readonly conditions?: readonly { type: string; status: string; reason?: string }[] };
}

const functionScript = join(dirname(import.meta.filename), 'function.ts');

/** Starts everything; `definitions` are applied beside those of Knative. */
export async function startCluster(definitions: readonly object[] = []): Promise<TestCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'aidboxops-eventing-'));
  const server = await startApiServer({ dir: join(dir, 'api-server') });
  const { kube, api } = server;
  const trace: TraceEvent[] = [];
  await installDefinitions(kube, [...knativeDefinitions(), ...definitions]);
  const eventing = await startEventing({
    api,
    kube,
    dir: join(dir, 'functions'),
    bundleOf: () => [process.execPath, functionScript],
    trace: (traceEvent) => void trace.push(traceEvent),
    pace: 0.01,
  });

  const read = async (manifest: Manifest): Promise<Record<string, unknown> | undefined> =>
    (await kube.get(pathOf(manifest))) as Record<string, unknown> | undefined;

  return {
    dir,
    kube,
    api,
    trace,
    eventing,
    apply: async (manifest) => {
      await kube.apply(pathOf(manifest), manifest, { fieldManager: 'test', force: true });
    },
    read,
    untilReady: (manifest, status = 'True') =>
      eventually(`${manifest.kind} ${manifest.metadata.name} to be Ready ${status}`, async () => {
        const { conditions = [] } = ((await read(manifest)) as WithConditions | undefined)?.status ?? {};
        const ready = conditions.find(({ type }) => type === 'Ready');
        return ready?.status === status && (ready.reason ?? 'Ready');
      }),
    remove: async (manifest) => {
      await kube.remove(pathOf(manifest));
    },
    async stop() {
      await eventing.stop();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** API path of a manifest; every kind used in these tests has a regular plural. */
function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  return `${collectionPath(apiVersion, `${kind.toLowerCase()}s`, metadata.namespace)}/${metadata.name}`;
}
