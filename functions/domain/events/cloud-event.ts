/**
 * CloudEvents that the functions post. An id repeats only for the same fact, so that a consumer may drop duplicates;
 * data schemas are in eventing/schemas.
 */
import type { UnixSeconds } from '../time.ts';

export const eventType = {
  backupStarted: 'pg.aidbox.backup.started.v1',
  backupSucceeded: 'pg.aidbox.backup.succeeded.v1',
  backupFailed: 'pg.aidbox.backup.failed.v1',
  backupMissed: 'pg.aidbox.backup.missed.v1',
  rotationSucceeded: 'pg.aidbox.rotation.succeeded.v1',
  rotationFailed: 'pg.aidbox.rotation.failed.v1',
  storageAvailable: 'pg.aidbox.storage.available.v1',
  storageUnavailable: 'pg.aidbox.storage.unavailable.v1',
  reconcileRequested: 'pg.aidbox.look.v1',
  wake: 'pg.aidbox.wake.v1',
  sweepPage: 'pg.aidbox.sweep.page.v1',
  probePage: 'pg.aidbox.probe.page.v1',
} as const;

/** A CloudEvent before it is sent. Extension names are lower-case alphanumeric, as CloudEvents demands. */
export interface OwnEvent {
  readonly type: string;
  /** API path of the object that it is about. */
  readonly source: string;
  readonly id: string;
  /** `<kind>/<namespace>/<name>` in the words of kubectl, for people. */
  readonly subject: string;
  readonly time?: UnixSeconds;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly data: object;
}
