/** What messages quote of a log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunReport } from '../../../../functions/domain/run/protocol.ts';
import { errorLines, fullLog, lastLine } from '../../../../functions/domain/run/log-excerpt.ts';

function run(tail: string, shape: Partial<RunReport> = {}): RunReport {
  return {
    id: 'uid-1',
    kind: 'backup',
    state: 'exited',
    deadlineHit: false,
    tombstone: false,
    catalogueChanged: false,
    log: { head: '', tail, bytes: tail.length },
    ...shape,
  };
}

test('the last line, whatever white space follows it, within 200 characters', () => {
  assert.equal(lastLine(run('INFO: a\nINFO: c\nINFO: b\n\n  ')), 'INFO: b');
  assert.equal(lastLine(run('')), '');
  assert.equal(lastLine(run(`a\n${'x'.repeat(300)}\n`)), 'x'.repeat(200));
});

for (const [name, shape, want] of [
  ['no ERROR line: the last one', {}, 'INFO: b'],
  ['one', { firstError: 'ERROR: 1', lastError: 'ERROR: 1' }, 'ERROR: 1'],
  ['only the first is known', { firstError: 'ERROR: 1' }, 'ERROR: 1'],
  ['several', { firstError: 'ERROR: 1', lastError: 'ERROR: 2' }, 'ERROR: 1 … ERROR: 2'],
  ['long ones', { firstError: 'e'.repeat(390), lastError: 'f'.repeat(390) }, `${'e'.repeat(390)} … ${'f'.repeat(7)}`],
] as const) {
  test(`errors: ${name}`, () => assert.equal(errorLines(run('INFO: a\nINFO: b\n', shape)), want));
}

test('the command that shows all of it', () => {
  assert.equal(
    fullLog({ namespace: 'shop', pod: 'postgres-0', file: '/PgBackup/daily.log' }),
    'Full log: kubectl exec -n shop postgres-0 -c postgres -- cat /PgBackup/daily.log',
  );
});
