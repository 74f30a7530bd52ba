/** Installation and its end in one local environment. */
import { after } from 'node:test';
import { openLocalCluster, openLocalNamespace, type LocalCluster } from '../support/local-cluster.ts';
import type { TestCluster } from '../support/test-cluster.ts';
import { installation, uninstallation } from './stories/installation.ts';

let first: LocalCluster | undefined;

after(() => first?.close());

async function open(namespace: string): Promise<TestCluster> {
  first ??= await openLocalCluster('installation', { manifests: [] });
  const cluster = await openLocalNamespace(first.environment, namespace, first.observations);
  // The environment goes on for the second story.
  return { ...cluster, close: () => Promise.resolve() };
}

installation(open);
uninstallation(open);
