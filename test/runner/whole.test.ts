/** What is proved of stored backups when files are taken from the storage: real PostgreSQL 14, the wal-g that is found. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseCatalogue } from '../../functions/domain/catalogue/catalogue.ts';
import { prove, type Proof } from '../../functions/domain/catalogue/proof.ts';
import type { CatalogueAnswer } from '../../functions/domain/run/protocol.ts';
import { createPod, give, owner, type Pod, target } from './pod.ts';

describe('a stored backup of which something is missing', { concurrency: false }, () => {
  for (const shell of ['dash', 'busybox'] as const) {
    describe(`under ${shell}`, { concurrency: false }, () => {
      let pod: Pod;
      let names: string[];
      /** `full`, a delta `delta` on it, a delta `newest` on that. */
      before(async () => {
        pod = await createPod({ shell, postgres: true, segmentMebibytes: 1 });
        for (const uid of ['full', 'delta', 'newest']) push(uid);
        names = (await listed()).map(({ name }) => name);
      });
      after(() => pod.remove());

      function push(uid: string): void {
        const userData = JSON.stringify({ aidboxops: { uid, namespace: 'shop', statefulSet: 'postgres' } });
        const env = { ...pod.env, WALG_DELTA_MAX_STEPS: '6', WALG_SENTINEL_USER_DATA: userData };
        execFileSync('wal-g', ['backup-push', pod.pgdata], { env, ...owner, cwd: '/', stdio: 'ignore' });
      }

      async function catalogue(uid?: string): Promise<CatalogueAnswer> {
        const answer = await pod.runner.catalogue(target, uid);
        assert.ok(answer.ok, JSON.stringify(answer));
        return answer.value;
      }

      async function listed(): Promise<readonly { name: string; readable: boolean }[]> {
        const read = parseCatalogue(await catalogue());
        assert.ok(read.known);
        return read.entries;
      }

      async function proof(uid: string): Promise<Proof> {
        return prove(await catalogue(uid), { uid, namespace: 'shop', statefulSet: 'postgres', since: 0 });
      }

      const stored = (...path: readonly string[]): string => join(pod.storage, 'basebackups_005', ...path);

      /** Takes a file of the storage away while `work` runs. */
      async function without(path: string, work: () => Promise<void>): Promise<void> {
        const aside = join(pod.root, 'aside');
        renameSync(path, aside);
        try {
          await work();
        } finally {
          renameSync(aside, path);
        }
      }

      test('everything is stored: each of the three is proved', async () => {
        for (const uid of ['full', 'delta', 'newest']) assert.equal((await proof(uid)).verdict, 'proved', uid);
        const { parts = {} } = await catalogue('newest');
        assert.deepEqual(Object.keys(parts).toSorted(), names.toSorted());
      });

      test('H135 any one part of it is not stored: it is not whole', async () => {
        const folder = stored(names[0] ?? '', 'tar_partitions');
        const parts = readdirSync(folder);
        assert.ok(parts.length >= 3, parts.join());
        for (const part of parts) {
          await without(join(folder, part), async () => {
            const found = await proof('full');
            assert.equal(found.verdict, 'notWhole', part);
            assert.ok(found.verdict === 'notWhole' && found.text.startsWith(`${names[0]} is not whole: `), part);
          });
        }
        assert.equal((await proof('full')).verdict, 'proved');
      });

      test('H135 a part is cut in half: it is not whole', async () => {
        const part = stored(names[0] ?? '', 'tar_partitions', 'part_001.tar.lz4');
        await without(part, async () => {
          writeFileSync(part, 'half');
          give(part);
          assert.equal((await proof('full')).verdict, 'notWhole');
        });
      });

      test('H74 H135 a part of what it rests on is not stored: the delta is not whole, and its base is named', async () => {
        await without(stored(names[0] ?? '', 'tar_partitions', 'part_001.tar.lz4'), async () => {
          const found = await proof('newest');
          assert.ok(found.verdict === 'notWhole');
          assert.match(found.text, new RegExp(`^${names[0]} is not whole: .*${names[2]} rests on it`));
        });
      });

      for (const [what, base] of [
        ['its base', 1],
        ["its base's base", 0],
      ] as const) {
        test(`H74 ${what} is not stored any more: the delta is not whole, and what is missing is named`, async () => {
          const name = names[base] ?? '';
          await without(stored(`${name}_backup_stop_sentinel.json`), async () => {
            const found = await proof('newest');
            assert.ok(found.verdict === 'notWhole', found.verdict);
            assert.ok(found.text.startsWith(`${names[2]} rests on ${name.slice(0, 29)}, which is not stored any more`));
            assert.equal((await proof('full')).verdict, base === 0 ? 'absent' : 'proved');
          });
        });
      }

      test('H74 its base was stored again under the same name since', async () => {
        const sentinel = stored(`${names[1]}_backup_stop_sentinel.json`);
        const { mtime } = statSync(sentinel);
        const later = Date.now() / 1000 + 60;
        utimesSync(sentinel, later, later);
        const found = await proof('newest');
        assert.ok(found.verdict === 'notWhole', found.verdict);
        assert.match(found.text, new RegExp(`^${names[2]} rests on ${names[1]}, which was stored again`));
        utimesSync(sentinel, mtime, mtime);
      });

      test('H88 metadata.json of the oldest is lost: the newest is proved, and only the oldest cannot be read', async () => {
        await without(stored(names[0] ?? '', 'metadata.json'), async () => {
          const answer = await catalogue('newest');
          assert.equal(answer.plain, true);
          assert.equal((await proof('newest')).verdict, 'proved');
          assert.equal((await proof('delta')).verdict, 'proved');
          assert.deepEqual(
            (await listed()).filter(({ readable }) => !readable).map(({ name }) => name),
            [names[0]],
          );
        });
      });

      test('H88 the lost metadata.json is its own: neither proved nor absent', async () => {
        await without(stored(names[2] ?? '', 'metadata.json'), async () => {
          assert.equal((await proof('newest')).verdict, 'unknown');
        });
      });

      test('H89 a sentinel that nobody understands, and one with a strange name: the newest is proved', async () => {
        const strange = [
          stored('stream_20220101T000000Z_backup_stop_sentinel.json'),
          stored('base_x_backup_stop_sentinel.json'),
        ];
        for (const path of strange) {
          writeFileSync(path, 'not JSON');
          give(path);
        }
        assert.equal((await proof('newest')).verdict, 'proved');
        for (const path of strange) rmSync(path);
      });
    });
  }
});
