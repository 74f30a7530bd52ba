/** A newest success that is gone, and which of several PgManagers deletes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/rotation/decide.ts';
import type { PgManager } from '../../../functions/domain/resources/pg-manager.ts';
import { backup, failed, manager, observe, servedBefore, success } from '../../support/situations/rotation.ts';

test('H92 the PgBackup of the newest success is gone: the backup function is asked to read the history again', () => {
  const { commands, next } = decide(observe({ backups: [success(8), success(9)] }));
  const posted = commands.flatMap((command) => (command.type === 'post' ? command.events : []));
  assert.deepEqual(
    posted.map(({ type, data, extensions }) => ({ type, data, extensions })),
    [
      {
        type: 'pg.aidbox.look.v1',
        data: { namespace: 'shop', name: 'uid-day-10', purpose: 'backup', statefulSet: 'postgres' },
        extensions: { pgpurpose: 'backup' },
      },
    ],
  );
  assert.equal(next, 'done');
});

test('H92 nothing is asked for while the newest success is there', () => {
  const { commands } = decide(observe({ manager: manager({ newest: 9, condition: servedBefore() }) }));
  assert.deepEqual(
    commands.filter(({ type }) => type === 'post'),
    [],
  );
});

function suspended(subject: PgManager): PgManager {
  return { ...subject, spec: { ...subject.spec, backup: { ...subject.spec.backup, suspend: true } } };
}

test('H99 beside a suspended PgManager that keeps fewer, the active one deletes and the suspended one does not', () => {
  const active = manager({ name: 'active', retain: 2 });
  const idle = suspended(manager({ name: 'idle', retain: 1 }));
  const managers = [active, idle];
  assert.ok(decide(observe({ manager: active, managers })).commands.some(({ type }) => type === 'start'));
  const resting = decide(observe({ manager: idle, managers }));
  assert.equal(resting.message, 'this PgManager is suspended; PgManager active deletes old backups');
  assert.ok(resting.commands.every(({ type }) => type !== 'start'));
});

test('H99 several active ones, or several that are all suspended, delete nothing', () => {
  const pair = [manager({ name: 'a' }), manager({ name: 'b', retain: 1 })];
  for (const managers of [pair, pair.map(suspended)]) {
    const decision = decide(observe({ manager: managers[0]!, managers }));
    assert.match(decision.message, /^refused: ScheduleConflict: 2 PgManagers have the selector "postgres" \(a, b\)/);
  }
});

test('H93 PgBackups that were put back take no place among the ten failures that are kept', () => {
  const stale = Array.from({ length: 12 }, (_, at) =>
    backup(`stale-${at}`, { state: 'error', reason: 'Stale', announced: 'error' }),
  );
  const failures = Array.from({ length: 10 }, (_, at) => failed(at));
  const outbox = [{ id: 'uid-day-10-1', outcome: 'success' as const, message: 'x', deleted: [], kept: 2 }];
  const condition = servedBefore({ servedBackup: 'uid-day-10', outbox });
  const { commands } = decide(
    observe({ manager: manager({ condition }), backups: [success(10), ...failures, ...stale] }),
  );
  const removed = commands.flatMap((command) => (command.type === 'removeBackup' ? [command.target.name] : []));
  assert.ok(removed.length > 0);
  assert.deepEqual(
    removed.filter((name) => !name.startsWith('stale')),
    [],
  );
});
