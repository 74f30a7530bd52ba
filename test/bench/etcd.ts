/** Puts objects where the API server stores them: a hundred thousand come in seconds, past its validation. */
import { callEtcd } from '../support/api-server.ts';

interface Stored {
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** etcd takes no more writes in one transaction unless it is told so. */
const batchSize = 128;
const batchesAtOnce = 4;

/** Stores custom resources under `plural`; those of the same name are replaced. */
export async function store(etcdUrl: string, plural: string, objects: readonly Stored[]): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let from = next; from < objects.length; from = next) {
      next += batchSize;
      await putAll(etcdUrl, plural, objects.slice(from, from + batchSize));
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, worker));
}

async function putAll(etcdUrl: string, plural: string, objects: readonly Stored[]): Promise<void> {
  const success = objects.map((object) => ({
    requestPut: { key: encoded(keyOf(plural, object)), value: encoded(JSON.stringify(object)) },
  }));
  await callEtcd(etcdUrl, 'txn', { success });
}

function keyOf(plural: string, { apiVersion, metadata }: Stored): string {
  return `/registry/${apiVersion.split('/')[0]}/${plural}/${metadata.namespace}/${metadata.name}`;
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
