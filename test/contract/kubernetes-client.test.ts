/** Calls of a real API server: a connection can be used again after a deletion, and any text can be written. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { startApiServer, type ApiServer } from '../support/api-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'aidboxops-kube-'));
const maps = '/api/v1/namespaces/default/configmaps';
let server: ApiServer;
let kube: Kube;

before(async () => {
  server = await startApiServer({ dir });
  ({ kube } = server);
});

after(async () => {
  await (server as ApiServer | undefined)?.stop();
  rmSync(dir, { recursive: true, force: true });
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

// A log may hold any of them. The API server reads what is applied as YAML, which is narrower than JSON.
for (const [what, text, stored] of [
  ['control characters of the upper half', 'a\u007f\u0080\u0085\u009fb', undefined],
  ['separators of lines and paragraphs', 'a\u2028\u2029b', undefined],
  ['a byte order mark and what is no character', '\ufeffa\ufffe\uffffb', undefined],
  ['half a character', 'a\ud83d', 'a\ufffd'],
  ['a character of two halves', 'a\ud83d\ude00', undefined],
] as const) {
  test(`${what} can be applied`, async () => {
    const at = `${maps}/text`;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'text' }, data: { text } };
    await kube.apply(at, object, { fieldManager: 'test', force: true });
    assert.deepEqual(((await kube.get(at)) as { data: object }).data, { text: stored ?? text });
  });
}
