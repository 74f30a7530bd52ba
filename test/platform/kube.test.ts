/** Deleting on a real API server: only the incarnation that is meant goes, and the connection can be used again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { createKube, type Kube } from '../../functions/platform/kube.ts';
import { startApiServer, type ApiServer } from '../support/api-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'aidboxops-kube-'));
const maps = '/api/v1/namespaces/default/configmaps';
let server: ApiServer;
let kube: Kube;

before(async () => {
  server = await startApiServer({ dir });
  const config = new KubeConfig();
  config.loadFromFile(server.kubeconfig);
  kube = createKube(config);
});

after(async () => {
  (kube as Kube | undefined)?.close();
  await (server as ApiServer | undefined)?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('a namesake of another UID stays', async () => {
  await kube.create(maps, { metadata: { name: 'namesake' } });
  assert.equal(await kube.remove(`${maps}/namesake`, '00000000-0000-4000-8000-000000000000'), 'gone');
  assert.notEqual(await kube.get(`${maps}/namesake`), undefined);
});

test('one deletion after the other over the same connections', async () => {
  const names = Array.from({ length: 8 }, (_, at) => `one-of-many-${at}`);
  for (const name of names) {
    await kube.create(maps, { metadata: { name } });
    const { metadata } = (await kube.get(`${maps}/${name}`)) as { metadata: { uid: string } };
    assert.equal(await kube.remove(`${maps}/${name}`, metadata.uid), 'removed');
    assert.equal(await kube.get(`${maps}/${name}`), undefined);
  }
});
