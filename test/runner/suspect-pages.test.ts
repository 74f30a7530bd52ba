/** Pages that wal-g suspects: counted over the whole log, in the words of 1.1 and 3.0.8. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunReport } from '../../functions/domain/run/protocol.ts';
import { createPod, give, type Pod, shells, target } from './pod.ts';

const corruption = (path: string, block: number): string =>
  `WARNING: 2026/11/28 00:48:12.020321 Corruption found in ${path}/[${block}], expected 7, found 9`;
const header = (path: string, block: number): string =>
  `WARNING: 2026/11/28 00:48:12.020321 Invalid page header encountered: blockNo ${block}, path ${path}`;
const noise = Array.from({ length: 2000 }, (_, at) => `INFO: part ${at} is written, and this line is long enough`);

const logs: readonly (readonly [string, readonly string[], number | undefined, string | undefined])[] = [
  ['none', [...noise, 'Wrote backup'], undefined, undefined],
  ['one in the middle of a long log', [...noise, corruption('/data/base/1/2', 5), ...noise], 1, '/data/base/1/2'],
  [
    'a header, twice reported by 1.1',
    [header('/data/base/1/2', 5), corruption('/data/base/1/2', 5)],
    1,
    '/data/base/1/2',
  ],
  [
    'three of two files, a path with a space',
    [...noise, header('/pg data/base/1/3', 4), corruption('/pg data/base/1/2', 5), corruption('/pg data/base/1/2', 6)],
    3,
    '/pg data/base/1/3',
  ],
];

describe('suspected pages', () => {
  for (const shell of shells) {
    describe(`under ${shell}`, () => {
      let pod: Pod;
      before(async () => {
        pod = await createPod({ shell });
      });
      after(() => pod.remove());

      async function reportOf(id: string, lines: readonly string[]): Promise<RunReport> {
        const run = join(pod.dir, '.run', id);
        mkdirSync(run, { recursive: true });
        for (const path of [pod.dir, join(pod.dir, '.run'), run]) give(path);
        writeFileSync(join(run, 'log'), lines.join('\n'));
        writeFileSync(join(run, 'exit'), '0 1641103200 0\n');
        const answer = await pod.runner.inspect(target, { id, kind: 'backup', dir: pod.dir });
        assert.ok(answer.ok && answer.value.run !== undefined, JSON.stringify(answer));
        return answer.value.run;
      }

      for (const [at, [situation, lines, pages, path]] of logs.entries()) {
        test(`H100 ${situation}: ${pages ?? 'nothing'} is reported`, async () => {
          const { suspectPages, suspectPath } = await reportOf(`u${at}`, lines);
          assert.deepEqual([suspectPages, suspectPath], [pages, path]);
        });
      }
    });
  }
});
