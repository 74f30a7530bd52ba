/** The numbers of docs/reference/limits.md are those of the code: a changed constant fails here until the page says so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync('docs/reference/limits.md', 'utf8');

type Unit = (value: number) => string;
const plain: Unit = String;
const seconds: Unit = (value) => `${value} s`;
const minutes: Unit = (value) => `${value / 60} min`;
const hours: Unit = (value) => `${value / 3600} h`;
const secondsOfMs: Unit = (value) => `${value / 1000} s`;
const kib: Unit = (value) => `${value / 1024} KiB`;
const mib: Unit = (value) => `${value / 1024 / 1024} MiB`;

/** Row of the page (its beginning) → file below functions/, constant, and how the row writes it. */
const rows: readonly (readonly [row: string, file: string, constant: string, unit: Unit])[] = [
  ['Pod not ready, or lock held', 'domain/run/limits.ts', 'podPatience', minutes],
  ['Starts that do not reach the pod', 'domain/run/limits.ts', 'podPatience', minutes],
  ['Wait for a rotation', 'domain/run/limits.ts', 'rotationPatience', minutes],
  ['A start is valid for', 'domain/run/limits.ts', 'startValidity', seconds],
  ['A start is valid for', 'domain/run/limits.ts', 'startGrace', seconds],
  ['Deadline reached', 'domain/run/limits.ts', 'deadlineGrace', seconds],
  ['Archiving without progress', 'domain/run/limits.ts', 'archivingStall', seconds],
  ['WAL of a backup by a person', 'domain/run/limits.ts', 'archivingPatience', seconds],
  ['Storage cannot be read for the proof', 'domain/run/limits.ts', 'proofPatience', hours],
  ['Reading the catalogue', 'platform/run/runner.ts', 'catalogueDeadlineMs', secondsOfMs],
  ['Log in a status', 'domain/text.ts', 'statusTextLimit', kib],
  ['One line of a message', 'domain/text.ts', 'lineLimit', kib],
  ['Runs in `conditions.backup.log`', 'backup/condition.ts', 'logLength', plain],
  ['Deadline of a run', 'domain/run/limits.ts', 'rotationTimeout', hours],
  ['Longer than the deadline', 'domain/run/limits.ts', 'lastGrace', minutes],
  ['Retry after a failure', 'rotation/condition.ts', 'retryDelay', minutes],
  ['Attempts for one success', 'rotation/condition.ts', 'maxAttempts', plain],
  ['Failed PgBackups that are kept', 'rotation/announce.ts', 'keptFailures', plain],
  ['Objects deleted in one go', 'rotation/announce.ts', 'batch', plain],
  ['Announcements that wait for a sink', 'rotation/condition.ts', 'outboxLength', plain],
  ['Failed probes until `unavailable`', 'storage/decide.ts', 'failuresToUnavailable', plain],
  ['PgManagers in one probe page', 'storage/probe-page.ts', 'pageSize', plain],
  ['PgManagers in one probe page', 'storage/probe-page.ts', 'execsAtOnce', plain],
  ['A tick may be early by', 'schedule/slots.ts', 'earlyTolerance', seconds],
  ['The slot timer fires before its slot', 'domain/events/timer.ts', 'slotLead', seconds],
  ['PgManagers in one sweep page', 'schedule/sweep.ts', 'pageSize', plain],
  ['A page is dropped when it is older than', 'platform/reconcile/paging.ts', 'pageLifetime', minutes],
  ['Request to the API server', 'platform/http/request.ts', 'timeoutMs', secondsOfMs],
  ['Exec', 'platform/run/runner.ts', 'execDeadlineMs', secondsOfMs],
  ['Exec', 'platform/run/runner.ts', 'catalogueDeadlineMs', secondsOfMs],
  ['Polling for the end', 'platform/reconcile/reconcile.ts', 'waitBudgetMs', secondsOfMs],
  ['Answer of a pod', 'platform/kubernetes/exec.ts', 'maxStdoutBytes', mib],
];

for (const [row, file, constant, unit] of rows) {
  test(`limits: "${row}" is ${constant} of ${file}`, () => {
    const wanted = unit(valueOf(file, constant));
    assert.match(rowOf(row), new RegExp(`(?<![\\d.])${wanted}(?![\\w.])`));
  });
}

/** Returns the cells behind the name of the one row that begins so. */
function rowOf(beginning: string): string {
  const found = page.split('\n').filter((line) => line.startsWith(`| ${beginning}`));
  assert.equal(found.length, 1, `${found.length} rows begin with "${beginning}"`);
  return found[0]!.split('|').slice(2).join('|');
}

/** Reads a constant, exported or not, whose value is a number or sums and products of numbers. */
function valueOf(file: string, constant: string): number {
  const source = readFileSync(`functions/${file}`, 'utf8');
  const [, value] = new RegExp(`^(?:export )?const ${constant} = ([\\d_ *+]+);$`, 'm').exec(source) ?? [];
  assert.ok(value !== undefined, `functions/${file} has no constant ${constant}`);
  const products = value
    .replaceAll('_', '')
    .split('+')
    .map((sum) => sum.split('*').map(Number));
  return products.reduce((sum, factors) => sum + factors.reduce((product, factor) => product * factor, 1), 0);
}
