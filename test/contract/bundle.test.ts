/** What is shipped: one small file a function, nothing in it that no function uses, and it works as it is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { buildFunctions, functionNames } from '../../tools/build.ts';
import { freePort } from '../../local/machine/ports.ts';
import { eventually } from '../support/eventually.ts';

const dist = join(import.meta.dirname, '../../dist');
const names = functionNames();
const limit = 700_000;

/** Parts of packages that cost start time and that no function calls; only our throwing stubs may stand in their place. */
const unwanted = [
  '@kubernetes/client-node/dist/gen/apis/',
  '@kubernetes/client-node/dist/gen/models/',
  '/undici/',
  '/openid-client/',
  '/socks-proxy-agent/',
  '/hpagent/',
  '/jsonpath-plus/',
  '/tar-fs/',
  '/iconv-lite/',
  '/mime-db/',
  '/qs/',
  '/send/',
  '/serve-static/',
  '/negotiator/',
];

let dir: string;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bundle-'));
  await buildFunctions();
  for (const name of ['boot', ...names]) copyFileSync(join(dist, `${name}.cjs`), join(dir, `${name}.cjs`));
  mkdirSync(join(dir, 'cache'));
});

after(() => rmSync(dir, { recursive: true, force: true }));

for (const name of names) {
  describe(name, () => {
    test('is at most 0.7 MB', () => {
      const { size } = statSync(join(dist, `${name}.cjs`));
      assert.ok(size <= limit, `${size} bytes`);
    });

    test('holds nothing that no function uses', () => {
      const meta = JSON.parse(readFileSync(join(dist, `${name}.meta.json`), 'utf8')) as {
        outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
      };
      const inputs = Object.values(meta.outputs).flatMap((output) => Object.entries(output.inputs));
      const found = inputs.filter(
        ([path, { bytesInOutput }]) => bytesInOutput > 0 && unwanted.some((part) => `/${path}`.includes(part)),
      );
      assert.deepEqual(found, []);
      assert.ok(inputs.length > 50, 'the metafile was read');
    });

    test('boots, answers a CloudEvent, refuses what is none, and ends cleanly on SIGTERM', async () => {
      assert.equal(await bootAndAnswer(name), '');
    });

    test('runs from the code cache that it made, and without it when that is of another Node', async () => {
      const cache = join(dir, 'cache', name);
      assert.equal(await bootAndAnswer(name, { MAKE_CODE_CACHE: '1' }), '');
      const made = readFileSync(cache);
      assert.ok(made.length > statSync(join(dir, `${name}.cjs`)).size / 2, `${made.length} bytes`);
      assert.equal(await bootAndAnswer(name), '');
      assert.deepEqual(readFileSync(cache), made, 'a cache is only read');
      // V8's own version begins at the fifth byte.
      writeFileSync(cache, made.fill(0xff, 4, 8));
      assert.equal(await bootAndAnswer(name), `${cache} is of another Node: compiled anew\n`);
    });
  });
}

/** Starts a function as its container does, and ends it; returns what it wrote to stderr. */
async function bootAndAnswer(name: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const port = await freePort();
  const kubeConfig = join(dir, `${name}.kubeconfig`);
  writeFileSync(kubeConfig, kubeConfigText());
  const child = spawn(process.execPath, [join(dir, 'boot.cjs'), name], {
    env: { PATH: process.env['PATH'], PORT: String(port), KUBECONFIG: kubeConfig, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  const written = text(child.stderr);
  const url = `http://127.0.0.1:${port}/`;
  await eventually('readiness', async () => (await fetch(`${url}healthz`)).status === 200);
  const headers = { 'ce-id': '1', 'ce-source': '/test', 'ce-type': 'test', 'ce-specversion': '1.0' };
  const answered = await fetch(url, { method: 'POST', headers });
  assert.equal(answered.status, 204);
  assert.equal(await answered.text(), '');
  const refused = await fetch(url, { method: 'POST', body: 'hello' });
  assert.equal(refused.status, 400);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  return written;
}

/** Points to nobody: an event that names no object needs no API server. */
function kubeConfigText(): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'none', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'none', user: {} }],
    contexts: [{ name: 'none', context: { cluster: 'none', user: 'none' } }],
    'current-context': 'none',
  });
}
