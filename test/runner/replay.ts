/** Stand-ins for wal-g that answer as a version was recorded, so that tests about it run whatever wal-g is at hand. */

import assert from 'node:assert/strict';
import type { CatalogueAnswer, ProbeAnswer } from '../../functions/domain/run/protocol.ts';
import { target, type Pod } from './pod.ts';

/** A shell command that prints a line on stderr, as wal-g logs. */
export function log(text: string): string {
  return `echo '${text.replaceAll("'", `'\\''`)}' >&2`;
}

/** Returns the script of a wal-g that answers by all its arguments; the first pattern that fits decides. */
export function replay(answers: Readonly<Record<string, string>>): string {
  const cases = Object.entries(answers).map(([pattern, script]) => `${pattern.replaceAll(' ', '\\ ')})\n${script}\n;;`);
  return `case "$*" in\n${cases.join('\n')}\nesac\n`;
}

/** Returns what the runner answers to `catalogue` in a pod whose wal-g is this script. */
export async function catalogueWith(pod: Pod, walg: string): Promise<CatalogueAnswer> {
  pod.fakeWalg(walg);
  const answer = await pod.runner.catalogue(target);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}

/** Returns what the runner answers to `probe` in a pod whose wal-g is this script. */
export async function probeWith(pod: Pod, walg: string): Promise<ProbeAnswer> {
  pod.fakeWalg(walg);
  const answer = await pod.runner.probe(target, { dir: pod.dir });
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}
