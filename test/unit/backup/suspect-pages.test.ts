/** A backup in which wal-g suspects damaged pages is a success with a Warning. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announceCommands } from '../../../functions/backup/announce.ts';
import { decide } from '../../../functions/backup/decide.ts';
import { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import { catalogue, listed, observe, report, started, saw } from '../../support/situations/backup.ts';

function proved(shape: object): PgBackup {
  const open = [started()];
  const run = report({ state: 'exited', exitCode: 0, startedAt: 1, endedAt: 5, ...shape });
  const decision = decide(observe({ open, podInspection: saw({ run }), catalogue: catalogue([listed()]) }));
  const [write] = decision.commands.filter(({ type }) => type === 'applyStatus');
  assert.ok(write?.type === 'applyStatus');
  return PgBackup.parse({ ...open[0], status: write.status });
}

test('H100 suspected pages: success, their number and the first file in status, one Warning that names them', () => {
  const backup = proved({ suspectPages: 3, suspectPath: '/data/base/1/2' });
  const first =
    'Job finished in 4 seconds. wal-g suspects that 3 pages of the database may be damaged (first in /data/base/1/2). Restore this backup somewhere else to find out.';
  assert.equal(backup.status.state, 'success');
  assert.equal(backup.status.message?.split('\n', 1)[0], first);
  assert.deepEqual([backup.status.backup?.suspectPages, backup.status.backup?.suspectPath], [3, '/data/base/1/2']);
  const events = announceCommands(observe({ open: [backup] }), backup).flatMap((command) =>
    command.type === 'recordEvent' ? [JSON.stringify(command.event)] : [],
  );
  assert.equal(events.filter((event) => event.includes('"SuspectPages"') && event.includes('"Warning"')).length, 2);
});

test('no suspected page: no word about it', () => {
  const backup = proved({});
  assert.equal(backup.status.message?.split('\n', 1)[0], 'Job finished in 4 seconds.');
  const events = announceCommands(observe({ open: [backup] }), backup).filter(({ type }) => type === 'recordEvent');
  assert.ok(!JSON.stringify(events).includes('SuspectPages'));
});

test('H74 H135 status records what tells this backup from another of its name: time in storage, timeline, parts', () => {
  const { storedAt, timeline, parts } = proved({}).status.backup ?? {};
  assert.deepEqual({ storedAt, timeline, parts }, { storedAt: '2022-01-02T06:05:00Z', timeline: 1, parts: 2 });
});
