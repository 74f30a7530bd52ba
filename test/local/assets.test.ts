/** Release downloads and the order in which binaries are searched for, against a local HTTP server. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { getBinary, type Search } from '../../local/assets/binaries.ts';
import { cacheDirectory, cachedPath, intoCache } from '../../local/assets/cache.ts';
import { releaseSite } from '../../local/assets/download.ts';
import { releases, type BinaryName, type Release } from '../../local/assets/recipes.ts';
import { listen, type Listening } from '../../local/knative/core/http.ts';
import { freePort } from '../../local/machine/ports.ts';
import { silentProgress } from '../../local/machine/progress.ts';

type Answer = (response: ServerResponse) => void;

const program = Buffer.from(`#!/bin/sh\necho wal-g\n${'#'.repeat(100_000)}\n`);
const answers = new Map<string, Answer>();
const asked: string[] = [];
let dir: string;
let server: Listening;

before(async () => {
  server = await listen((request, response) => {
    asked.push(request.url ?? '');
    (answers.get(request.url ?? '') ?? notFound)(response);
  });
});
after(() => server.close());
beforeEach((context) => {
  dir = mkdtempSync(join(tmpdir(), 'aidboxops-assets-'));
  answers.clear();
  asked.length = 0;
  (context as unknown as { after(clean: () => void): void }).after(() => rmSync(dir, { recursive: true, force: true }));
});

describe('download of a release', () => {
  it('puts a good file into the cache, executable, and does not ask again', async () => {
    answers.set('/walg', whole);
    const first = await getBinary(search(), 'wal-g');
    assert.equal(first.from, 'release v9');
    assert.equal(execFileSync(first.path, { encoding: 'utf8' }), 'wal-g\n');
    const second = await getBinary(search(), 'wal-g');
    assert.deepEqual(second, { path: first.path, from: 'cache' });
    assert.deepEqual(asked, ['/walg']);
  });

  const bad: { situation: string; answer: Answer; want: RegExp }[] = [
    { situation: 'the file is not there', answer: notFound, want: /HTTP 404/ },
    { situation: 'the connection ends before the file does', answer: truncated, want: /ended after \d+ of \d+ bytes/ },
    { situation: 'the file is another one', answer: other, want: /sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}/ },
  ];
  for (const { situation, answer, want } of bad) {
    it(`builds when ${situation}, says why, and leaves nothing half done in the cache`, async () => {
      answers.set('/walg', answer);
      const said: string[] = [];
      const found = await getBinary(
        search({ progress: { ...silentProgress(), say: (line) => said.push(line) } }),
        'wal-g',
      );
      assert.equal(found.from, 'built v1.1.3-rc-with-build');
      assert.match(said.join('\n'), want);
      assert.deepEqual(readdirSync(join(dir, 'bin')), ['wal-g-v1.1.3-rc-with-build-linux-x64-go']);
    });
  }

  it('asks a site that cannot be reached only once', async () => {
    const unreachable = search({ site: `http://127.0.0.1:${await freePort()}` });
    await getBinary(unreachable, 'wal-g');
    const said: string[] = [];
    await getBinary({ ...unreachable, progress: { ...silentProgress(), say: (line) => said.push(line) } }, 'etcd');
    assert.equal(unreachable.siteIsUnreachable, true);
    assert.deepEqual(said, []);
  });

  it('gives a site that swallows packets a few seconds', { timeout: 10_000 }, async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
    const begun = performance.now();
    const mute = search({ site: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    await getBinary(mute, 'wal-g');
    assert.ok(performance.now() - begun < 6_000);
    assert.equal(mute.siteIsUnreachable, true);
    silent.close();
  });

  it('unpacks all binaries of an archive', async () => {
    const archive = makeArchive(['kube-apiserver', 'etcd', 'kubectl']);
    answers.set('/envtest.tar.gz', (response) => response.end(archive));
    const release = releaseOf('/envtest.tar.gz', archive, ['kube-apiserver', 'etcd', 'kubectl']);
    const options = search({ releases: { ...releases, 'kube-apiserver': release, etcd: release, kubectl: release } });
    assert.equal((await getBinary(options, 'kube-apiserver')).from, 'release v9');
    assert.equal((await getBinary(options, 'etcd')).from, 'cache');
    assert.equal(execFileSync((await getBinary(options, 'kubectl')).path, { encoding: 'utf8' }), 'kubectl\n');
    assert.deepEqual(asked, ['/envtest.tar.gz']);
  });
});

describe('order of the search', () => {
  it('prefers what the environment names', async () => {
    const named = join(dir, 'my-wal-g');
    writeFileSync(named, program, { mode: 0o755 });
    const env = { WALG_BINARY: named, KUBEBUILDER_ASSETS: makePrograms(['etcd']) };
    assert.deepEqual(await getBinary(search({ env }), 'wal-g'), { path: named, from: 'WALG_BINARY' });
    assert.equal((await getBinary(search({ env }), 'etcd')).from, 'KUBEBUILDER_ASSETS');
    assert.deepEqual(asked, []);
  });

  it('refuses a WALG_BINARY that is no program instead of taking another', async () => {
    await assert.rejects(getBinary(search({ env: { WALG_BINARY: '/nowhere/wal-g' } }), 'wal-g'), /WALG_BINARY names/);
  });

  it('finds wal-g and kubectl on PATH, but no API server', async () => {
    const env = { PATH: makePrograms(['wal-g', 'kubectl', 'kube-apiserver']) };
    assert.equal((await getBinary(search({ env }), 'wal-g')).path, join(env.PATH, 'wal-g'));
    assert.equal((await getBinary(search({ env }), 'kubectl')).path, join(env.PATH, 'kubectl'));
    assert.match((await getBinary(search({ env }), 'kube-apiserver')).from, /^built/);
  });
});

describe('cache', () => {
  it('is below XDG_CACHE_HOME, else ~/.cache', () => {
    assert.equal(cacheDirectory({ XDG_CACHE_HOME: '/x' }), '/x/aidboxops');
    assert.match(cacheDirectory({}), /\/\.cache\/aidboxops$/);
  });

  it('never shows half a file, and keeps nothing of a failed attempt', async () => {
    const path = cachedPath(dir, 'etcd', 'v1', 'go');
    const attempt = intoCache(path, (temporary) => {
      writeFileSync(temporary, 'half');
      assert.equal(existsSync(path), false);
      return Promise.reject(new Error('no space left'));
    });
    await assert.rejects(attempt, /no space left/);
    assert.deepEqual(readdirSync(join(dir, 'bin')), []);
  });

  it('survives two set-ups at the same time', async () => {
    answers.set('/walg', whole);
    const found = await Promise.all([getBinary(search(), 'wal-g'), getBinary(search(), 'wal-g')]);
    assert.deepEqual(readFileSync(found[0].path), program);
  });
});

it('takes releases from a mirror when the environment names one', () => {
  assert.equal(releaseSite({ AIDBOXOPS_RELEASES_URL: 'http://mirror/releases/' }), 'http://mirror/releases');
  assert.match(releaseSite({}), /^https:/);
});

it('pins a checksum for every release', () => {
  for (const name of Object.keys(releases) as BinaryName[]) {
    const { algorithm, hex } = releases[name].checksum;
    assert.match(hex, algorithm === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{128}$/, name);
  }
});

/** A search in an empty environment and cache; "building" writes a small program. */
function search(differences: Partial<Search> = {}): Search {
  return {
    env: {},
    cache: dir,
    site: server.url,
    progress: silentProgress(),
    releases: { ...releases, 'wal-g': releaseOf('/walg', program) },
    build: ({ package: name }, target) => {
      writeFileSync(target, `#!/bin/sh\necho ${name}\n`);
      return Promise.resolve();
    },
    siteIsUnreachable: false,
    ...differences,
  };
}

function releaseOf(path: string, content: Buffer, members?: readonly string[]): Release {
  const hex = createHash('sha256').update(content).digest('hex');
  const release = { version: 'v9', path: path.slice(1), checksum: { algorithm: 'sha256', hex } } as const;
  return members === undefined ? release : { ...release, members };
}

function makePrograms(names: readonly string[]): string {
  const folder = join(dir, 'programs');
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  return folder;
}

function makeArchive(names: readonly string[]): Buffer {
  const tree = join(dir, 'controller-tools', 'envtest');
  mkdirSync(tree, { recursive: true });
  for (const name of names) writeFileSync(join(tree, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  execFileSync('tar', ['-czf', join(dir, 'a.tar.gz'), '-C', dir, 'controller-tools']);
  return readFileSync(join(dir, 'a.tar.gz'));
}

function whole(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': program.length }).end(program);
}

function other(response: ServerResponse): void {
  response.writeHead(200).end('something else');
}

function truncated(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': program.length });
  response.write(program.subarray(0, 5_000), () => response.destroy());
}

function notFound(response: ServerResponse): void {
  response.writeHead(404).end('not found');
}
