/** How far a PgBackup has come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isFinished,
  isLaunching,
  isRunning,
  isAnnounced,
} from '../../../../functions/domain/resources/backup-state.ts';
import { backup, executor } from '../../../support/situations/backup.ts';

const pinned = { executor: executor() };
const startTime = '2022-01-02T06:00:02Z';

for (const [name, status, want] of [
  ['new', {}, []],
  ['waiting', { state: 'pending' }, []],
  ['waiting again after a lost start', { state: 'pending', ...pinned }, []],
  ['launching', { state: 'running', ...pinned }, ['running', 'launching']],
  ['started', { state: 'running', ...pinned, startTime, announced: 'started' }, ['running']],
  ['running, where is not known', { state: 'running', startTime }, []],
  ['successful', { state: 'success', ...pinned, startTime, announced: 'started' }, ['finished']],
  ['successful and told', { state: 'success', announced: 'success' }, ['finished', 'told']],
  ['failed', { state: 'error', announced: 'started' }, ['finished']],
  ['failed and told', { state: 'error', announced: 'error' }, ['finished', 'told']],
  ['told of an end that it has not reached', { state: 'running', announced: 'success' }, []],
] as const) {
  test(`${name}: ${want.length === 0 ? 'none of these' : want.join(', ')}`, () => {
    const questions = { finished: isFinished, told: isAnnounced, running: isRunning, launching: isLaunching };
    const subject = backup({ status });
    assert.deepEqual(
      Object.entries(questions).flatMap(([question, ask]) => (ask(subject) ? [question] : [])),
      want,
    );
  });
}
