/** How `kubectl describe` reads: this is what users know. */
import assert from 'node:assert/strict';

/** PgManager with this one backup in its log, rotation and storage in order. */
export function assertManagerReads(text: string, slotBackup: string): void {
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  assert.match(
    text,
    new RegExp(
      String.raw`
Status:
  Conditions:
    Backup:
(?:      .*
)*?      Log:
        Finish Time:  ${time}
        Name:         ${slotBackup}
        Start Time:   ${time}
        State:        success
      Message:        .*
      Status:         ok
    Rotation:
(?:      .*
)*?      Log:
        Finish Time:  ${time}
(?:        .*
)*?        Start Time:    *${time}
        State:         *success
(?:      .*
)*?      Status:          *ok
    Storage:
(?:      .*
)*?      Message:   *ok
(?:      .*
)*?      State:     *available
      Status:    *ok
`.slice(1),
    ),
  );
}

/** PgBackup with times, state and the log of wal-g, each line indented by two spaces. */
export function assertBackupReads(text: string): void {
  assert.match(text, /Message: {2,}Job finished in \d+ seconds?\.\n(?: {2}INFO: .*\n)+/);
  assert.match(text, / {2}INFO: .* Wrote backup with name base_/);
  assert.match(text, /Finish Time: .*\n[\s\S]*Start Time: .*\n {2}State: +success\n/);
}
