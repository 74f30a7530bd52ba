/**
 * Everything in which versions of wal-g differ and that matters here. No decision asks for a version: each difference
 * is recognised by what the program shows. Seen with 1.1 (2021) and 3.0.8 (2026).
 *
 * | difference | 1.1 | 3.0.8 | recognised by | where |
 * |---|---|---|---|---|
 * | list of an empty storage | nothing, exit 0 | `[]` | output | `backupList` |
 * | `st check` | usage on stdout, exit 0 | `Read check OK` on stderr | `check` in `st --help` | runner.sh, probe |
 * | retries of S3 | `S3_MAX_RETRIES` | `WALG_S3_MAX_RETRIES` | both are set | runner.sh, probe |
 * | SIGTERM while it waits for archiving | ends, 143 | ignored | `stop` and `timeout` follow with KILL | runner.sh |
 * | `--version` of a custom build | `devel` with tabs | a number | output | `walgVersion` |
 */

import type { StoredPart } from '../../domain/run/protocol.ts';

/** What one call of wal-g left: exit code and stdout. */
export interface WalgOutput {
  readonly code: number;
  readonly stdout: string;
}

/** JSON array text of `backup-list` in any form; undefined when the storage could not be read. */
export function backupList(output: WalgOutput): string | undefined {
  // Every unreadable storage that was tried ended with 1, so this is a true empty list.
  if (output.code === 0 && output.stdout.trim() === '') return '[]';
  return jsonArray(output);
}

/** JSON array text of `wal-show --detailed-json`; undefined when the storage could not be read. */
export function walShow(output: WalgOutput): string | undefined {
  return jsonArray(output);
}

/**
 * Objects of `st ls <folder>`, whose lines the runner has joined: `obj <bytes> <date> <time> <zone> <zone> <name>`. A
 * folder that is not there is an empty one for both versions. Undefined when it could not be read.
 */
export function storedParts({ code, stdout }: WalgOutput): StoredPart[] | undefined {
  if (code !== 0 || !/^\s*type\s+size\s/.test(stdout)) return undefined;
  return stdout.split(/\s(?=obj\s+\d)/).flatMap((line) => {
    const [kind, bytes, ...rest] = line.trim().split(/\s+/);
    return kind === 'obj' ? [{ name: rest.at(-1) ?? '', bytes: Number(bytes) }] : [];
  });
}

/** `wal-g version v3.0.8 ...` as one short line. */
export function walgVersion(stdout: string): string {
  return stdout
    .replace(/^\s*wal-g version\s*/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 100);
}

/** Exit 0 alone proves nothing: unknown subcommands print their usage and exit 0 too. `null` is Go's empty slice. */
function jsonArray({ code, stdout }: WalgOutput): string | undefined {
  if (code !== 0) return undefined;
  const text = stdout.trim();
  if (text === 'null') return '[]';
  return text.startsWith('[') && text.endsWith(']') ? text : undefined;
}
