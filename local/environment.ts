/** The whole local environment: a small cluster of real parts and stand-ins, in one directory, behind one `stop`. */
import { basename, join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { createKube, type Kube } from '../functions/platform/kubernetes/client.ts';
import { getAssets, type Assets } from './assets/index.ts';
import { startControllers } from './kubernetes/controllers/index.ts';
import { startControlPlane } from './kubernetes/control-plane/index.ts';
import { writeDescription } from './description.ts';
import type { Environment, EnvironmentOptions } from './environment-types.ts';
import { chooseFiles, takeOver } from './directories.ts';
import { knativeDefinitions, startEventing, type Eventing } from './knative/index.ts';
import { installManifests, untilAtWork } from './install.ts';
import { makeImage } from './kubernetes/kubelet/image.ts';
import { nodeLabels, nodeName, startKubelet } from './kubernetes/kubelet/index.ts';
import { databasesOf } from './kubernetes/kubelet/databases.ts';
import { createApiClient, type ApiClient } from './kubernetes/client/api-client.ts';
import { kubectlRunner } from './machine/kubectl.ts';
import { openProcessList, type ProcessList } from './machine/processes.ts';
import { showPart, silentProgress, type Progress } from './machine/progress.ts';

const repository = resolve(import.meta.dirname, '..');

/** Sets it all up; on failure everything that was started is ended again. */
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const progress = options.progress ?? silentProgress();
  const dir = resolve(options.dir);
  await takeOver(dir, progress);
  const undo: (() => unknown)[] = [];
  const stop = once(async () => {
    for (const step of undo.reverse()) await step();
  });
  try {
    return await setUp({ ...options, dir, progress }, { undo, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

type Chosen = EnvironmentOptions & { readonly progress: Progress };

interface Ending {
  /** Each thing that was started puts here how to end it; the last one started ends first. */
  readonly undo: (() => unknown)[];
  readonly stop: () => Promise<void>;
}

/** Functions start last and so end first, when nobody starts anything new; all others talk to the API server. */
async function setUp(options: Chosen, { undo, stop }: Ending): Promise<Environment> {
  const { dir, progress } = options;
  const processList = openProcessList(dir);
  undo.push(() => processList.close());
  const assets = await getAssets(progress, options.signal);
  const controlPlane = await timed(options, 'API server', () =>
    startControlPlane({ dir, processList, audit: options.audit, binaries: assets }),
  );
  undo.push(() => controlPlane.stop());
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(controlPlane.kubeConfigPath);
  const kube = createKube(kubeConfig);
  const api = await createApiClient(kubeConfig);
  undo.push(() => (kube.close(), api.close()));
  const kubectl = kubectlRunner(assets.kubectl, controlPlane.kubeConfigPath, dir);

  const files = chooseFiles(dir, processList, progress);
  undo.push(files.remove);
  const failed = troubleLog(options);
  const kubelet = await timed(options, 'node', () =>
    startKubelet(
      { kube, api, processList, failed, ...files, image: makeFilesImage(files.imageDir, assets) },
      controlPlane.certificate,
    ),
  );
  undo.push(() => kubelet.stop());
  const controllers = startControllers({ kube, api, failed }, { nodeName, nodeLabels });
  undo.push(() => controllers.stop());
  const eventing =
    options.functions === false ? undefined : await startFunctions(options, { kube, api, kubectl, processList });
  undo.push(() => eventing?.stop());

  const environment: Environment = {
    dir,
    kubeConfigPath: controlPlane.kubeConfigPath,
    apiServerUrl: controlPlane.url,
    kube,
    api,
    kubectl,
    get brokerUrl() {
      return eventing?.brokerUrl;
    },
    functions: () => eventing?.functions() ?? [],
    restartApiServer: () => controlPlane.restartApiServer(),
    restartBroker: async (downMs) => eventing?.restartBroker(downMs),
    databases: () => databasesOf(kubelet.pods),
    storageDir: files.storageDir,
    walg: assets.walg,
    kubectlPath: assets.kubectl,
    kubeletPort: kubelet.port,
    auditLogPath: controlPlane.auditLogPath,
    stop,
  };
  const description = writeDescription(environment);
  undo.push(() => description.stop());
  return environment;
}

function makeFilesImage(imageDir: string, assets: Assets): ReturnType<typeof makeImage> {
  return makeImage(imageDir, { postgresDir: assets.postgresDir, walg: assets.walg.path });
}

async function startFunctions(
  options: Chosen,
  parts: { kube: Kube; api: ApiClient; kubectl: Environment['kubectl']; processList: ProcessList },
): Promise<Eventing> {
  const manifests = options.manifests ?? ['crds', 'eventing'];
  await timed(options, 'manifests', () =>
    installManifests(
      parts,
      knativeDefinitions(),
      manifests.map((one) => join(repository, one)),
    ),
  );
  return timed(options, 'eventing', async () => {
    const eventing = await startEventing({
      ...options.eventing,
      api: parts.api,
      kube: parts.kube,
      dir: join(options.dir, 'functions'),
      bundleOf,
      trace(traceEvent) {
        if (traceEvent.kind === 'process' && traceEvent.pid !== undefined) {
          parts.processList.note(`function ${traceEvent.function}`, traceEvent.pid);
        }
        options.trace?.(traceEvent);
      },
    });
    await untilAtWork(parts.kube).catch(async (error: unknown) => {
      await eventing.stop();
      throw error;
    });
    return eventing;
  });
}

/** The image runs `node /app/boot.cjs <function>`; here they are the same bundles under dist/ and the same Node. */
export function bundleOf({ command }: { readonly command: readonly string[] }): string[] {
  const script = command.findIndex((one) => one.endsWith('.cjs'));
  if (script === -1) throw new Error(`no bundle in the command: ${command.join(' ')}`);
  return [process.execPath, join(repository, 'dist', basename(command[script]!)), ...command.slice(script + 1)];
}

/** Returns where the stand-ins report failures; most are conflicts, and the next attempt succeeds. */
function troubleLog(options: Chosen): (message: string) => void {
  return (message) => options.trace?.({ kind: 'trouble', what: 'local controllers', message });
}

function once(action: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => (result ??= action());
}

function timed<T>(options: Chosen, name: string, work: () => Promise<T>): Promise<T> {
  options.signal?.throwIfAborted();
  return showPart(options.progress, name, work);
}
