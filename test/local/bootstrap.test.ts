/** The first step of `npm start`, in a copy of the project in which npm is a stand-in. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const copies: string[] = [];
after(() => copies.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Packages of a lock file: two are for this machine, the others for machines that are not here. */
const packages = {
  '': {},
  'node_modules/one': {},
  'node_modules/one/node_modules/two': { os: ['linux'], cpu: ['x64'] },
  'node_modules/apple': { os: ['darwin'], optional: true },
  'node_modules/arm': { cpu: ['arm64'], optional: true },
  'node_modules/not-linux': { os: ['!linux'], optional: true },
};

describe('the npm packages', () => {
  it('are counted as far as this machine installs them, and npm writes nothing between', async () => {
    const dir = copyWith(
      'mkdir -p node_modules/.bin; ln -s "$NODE" node_modules/.bin/node; echo noise; echo noise >&2',
    );
    const { code, stdout, stderr } = await bootstrap(dir, ['start', 'given']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^ {2}… npm packages {5}0 of 2, 0 s\n {2}✓ npm packages {5}2 of 2 \(\d+ s\)\nstarted given\n$/,
    );
  });

  it('that cannot be installed show what npm wrote', async () => {
    const { code, stdout, stderr } = await bootstrap(copyWith('echo no route to the registry >&2; exit 3'), ['start']);
    assert.equal(code, 1);
    assert.match(stdout, /✗ npm packages {5}npm ci ended with exit code 3 \(\d+ s\)\n$/);
    assert.match(stderr, /^no route to the registry\naidboxops: the npm packages cannot be installed: .*\n$/);
  });
});

describe('another machine', () => {
  for (const [platform, arch] of [
    ['darwin', 'arm64'],
    ['linux', 'arm64'],
    ['win32', 'x64'],
  ] as const) {
    it(`${platform} ${arch} is told at once what works there`, async () => {
      const disguise = `for (const [key, value] of Object.entries({ platform: '${platform}', arch: '${arch}' }))
        Object.defineProperty(process, key, { value });`;
      const node = ['--import', `data:text/javascript,${encodeURIComponent(disguise)}`];
      const { code, stdout, stderr } = await bootstrap(copyWith('exit 9'), ['start'], node);
      assert.deepEqual([code, stdout], [1, '']);
      assert.equal(
        stderr,
        `aidboxops: the local environment needs Linux on x64, and this is ${platform} ${arch}: ` +
          'use a Linux x64 container or VM, or install on a cluster that you have (docs/how-to/install.md)\n',
      );
    });
  }
});

/** A project without packages, whose npm is a shell script. */
function copyWith(npm: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-bootstrap-'));
  copies.push(dir);
  mkdirSync(join(dir, 'local'));
  mkdirSync(join(dir, 'bin'));
  cpSync(join(root, 'local', 'bootstrap.mjs'), join(dir, 'local', 'bootstrap.mjs'));
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify({ packages }));
  writeFileSync(
    join(dir, 'local', 'main.ts'),
    "process.stdout.write(`started ${process.argv.slice(2).join(' ')}\\n`);",
  );
  writeFileSync(join(dir, 'bin', 'npm'), `#!/bin/sh\n${npm}\n`);
  chmodSync(join(dir, 'bin', 'npm'), 0o755);
  return dir;
}

function bootstrap(dir: string, args: readonly string[], node: readonly string[] = []): Promise<Answer> {
  const env = { ...process.env, NODE: process.execPath, PATH: `${join(dir, 'bin')}${delimiter}${process.env['PATH']}` };
  delete (env as NodeJS.ProcessEnv)['NODE_TEST_CONTEXT'];
  return new Promise((resolveAnswer) => {
    execFile(
      process.execPath,
      [...node, join(dir, 'local', 'bootstrap.mjs'), ...args],
      { env },
      (error, stdout, stderr) => resolveAnswer({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}
