/** A real API server that serves our two kinds, and the production client to it. */
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { path } from '../../functions/domain/resources/api-paths.ts';
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { startApiServer, type ApiServer } from './api-server.ts';
import { eventually } from './eventually.ts';

export interface ServedKinds {
  readonly server: ApiServer;
  readonly kube: Kube;
  /** Ends both and removes the directory. */
  close(): Promise<void>;
}

/** Starts an API server below `dir` and waits until it serves PgManagers and PgBackups; the namespaces are made too. */
export async function serveKinds(dir: string, namespaces: readonly string[]): Promise<ServedKinds> {
  const undo: (() => unknown)[] = [() => rm(dir, { recursive: true })];
  async function close(): Promise<void> {
    for (const step of undo.toReversed()) await step();
  }
  try {
    const server = await startApiServer({ dir });
    undo.push(() => server.stop());
    await define(server.kube, namespaces);
    return { server, kube: server.kube, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function define(kube: Kube, namespaces: readonly string[]): Promise<void> {
  const folder = join(import.meta.dirname, '../../crds');
  for (const file of readdirSync(folder).filter((name) => name !== 'kustomization.yaml')) {
    const definition = parse(readFileSync(join(folder, file), 'utf8')) as object;
    await kube.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  }
  for (const name of namespaces)
    await kube.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await eventually('the CRDs are served', async () => {
    await kube.list(path.managers(''));
    await kube.list(path.backups(''));
    return true;
  });
}
