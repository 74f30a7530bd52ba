/** The functions' client of an API server in memory that a test fills, reads, and lets refuse. */
import { DateTime } from 'luxon';
import type { RequestError } from '../../functions/domain/request-error.ts';
import type { UnixSeconds } from '../../functions/domain/time.ts';
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { createApiModel, kubeOf, type Plain, type Stored } from './api-model.ts';

/** One call that changed something, or tried to. */
export interface Write {
  readonly verb: 'apply' | 'create' | 'remove';
  readonly path: string;
}

export interface FakeKube extends Kube {
  /** The API server's clock. */
  now: UnixSeconds;
  readonly writes: Write[];
  /** Called before every call; a failure that it gives is thrown. */
  refuse: (verb: string, path: string) => RequestError | undefined;
  /** Stores an object as it is; another of its name is replaced. */
  put(...objects: readonly object[]): void;
  /** The stored object, unparsed. */
  read(path: string): unknown;
  /** All stored objects of a collection (path without namespace is all namespaces). */
  all(path: string): readonly unknown[];
  /** Makes list tokens given so far, and the next one, answer 410. */
  expireTokens(): void;
}

const plurals: Readonly<Record<string, string>> = {
  PgManager: '/apis/aidbox.pg/v01|pgmanagers',
  PgBackup: '/apis/aidbox.pg/v01|pgbackups',
  PingSource: '/apis/sources.knative.dev/v1|pingsources',
  StatefulSet: '/apis/apps/v1|statefulsets',
  Pod: '/api/v1|pods',
  Event: '/api/v1|events',
  Namespace: '/api/v1|namespaces',
};

export function createFakeKube(now: UnixSeconds, ...objects: readonly object[]): FakeKube {
  const model = createApiModel({ now: () => fake.now, newUid: (name) => `uid-${name}-${model.version()}` });
  let answered = false;

  async function enter<T>(verb: string, path: string, work: () => T): Promise<T> {
    await Promise.resolve();
    const refused = fake.refuse(verb, path);
    if (refused !== undefined) throw refused;
    answered = true;
    if (verb !== 'get' && verb !== 'list') fake.writes.push({ verb: verb as Write['verb'], path });
    return work();
  }

  const fake: FakeKube = {
    ...kubeOf(model, enter, () => (answered ? DateTime.fromSeconds(fake.now, { zone: 'utc' }) : undefined)),
    now,
    writes: [],
    refuse: () => undefined,
    put(...given) {
      for (const object of given) {
        const collection = collectionOf(object as Stored);
        model.remove(`${collection}/${(object as Stored).metadata.name}`);
        model.create(collection, object as Plain);
      }
    },
    read: (path) => model.get(path),
    all: (path) => model.list(path, { limit: Infinity }).items,
    expireTokens: () => model.expireTokens(),
  };
  fake.put(...objects);
  return fake;
}

function collectionOf({ kind, metadata }: Stored): string {
  const [base, plural] = (plurals[kind] ?? '|').split('|');
  return kind === 'Namespace' ? `${base}/${plural}` : `${base}/namespaces/${metadata.namespace}/${plural}`;
}
