/** Decides about the storage of one PgManager: its condition, then announcements of what changed. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import type { Command, Decision } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { path } from '../domain/resources/api-paths.ts';
import type { StorageCondition } from '../domain/resources/pg-manager.ts';
import { oneLine } from '../domain/text.ts';
import { type UnixSeconds } from '../domain/time.ts';
import { follow } from './changes.ts';
import type { Finding } from './finding.ts';
import type { Verdict } from './checks.ts';
import type { Observation } from './observation.ts';
import { announce, applyStorage } from './announce.ts';

/** After so many failed checks in a row storage counts as unavailable. */
const failuresToUnavailable = 2;
const maxDetailLength = 400;

/** Writes the condition when it changes, else announces what is pending. */
export function decide({ now, manager, verdict }: Observation): Decision {
  const stored = manager.status.conditions.storage;
  if (verdict !== undefined) {
    const condition = nextCondition(stored ?? {}, verdict, now);
    if (!isDeepStrictEqual(condition, stored)) {
      return {
        commands: [applyStorage(manager, condition)],
        next: 'again',
        reason: 'StorageSeen',
        message: condition.message ?? '',
      };
    }
  }
  return announce(manager, now);
}

interface Observed extends Pick<StorageCondition, 'status' | 'failures'> {
  readonly state: NonNullable<StorageCondition['state']>;
  readonly fact: string;
}

/** The condition with this verdict in it; equal to `stored` when nothing is new. */
function nextCondition(stored: StorageCondition, verdict: Verdict, now: UnixSeconds): StorageCondition {
  const { state, status, failures, fact } = observedAs(stored, verdict);
  const { since, announced } = follow(stored, state, now);
  const whole = state === 'unavailable' ? `unavailable since ${clockMinutes(since)}: ${fact}` : fact;
  return defined({
    state,
    status,
    message: wording(stored.message, whole, verdict.detail),
    since,
    failures,
    announced,
  });
}

/** Counts completed checks only. A probe that reached no pod leaves the number of failures as it is. */
function observedAs(stored: StorageCondition, verdict: Verdict): Observed {
  const { fact } = verdict;
  const failures = stored.failures ?? 0;
  switch (verdict.kind) {
    case 'ok':
      return { state: 'available', status: 'ok', failures: 0, fact };
    case 'warning':
      return { state: 'available', status: 'error', failures: 0, fact };
    case 'broken':
      return { state: 'unknown', status: 'error', failures, fact };
    case 'unknown':
      return { state: 'unknown', status: 'unknown', failures, fact };
    case 'failed':
      return observedFailing(stored, fact);
  }
}

/** A first failure may be chance: it is shown, and what was known of storage stays. */
function observedFailing(stored: StorageCondition, fact: string): Observed {
  const failures = Math.min((stored.failures ?? 0) + 1, failuresToUnavailable);
  if (failures >= failuresToUnavailable) return { state: 'unavailable', status: 'error', failures, fact };
  const { state = 'unknown' } = stored;
  const status = state === 'unknown' ? 'error' : stored.status;
  return { state, status, failures, fact: `${fact} failed once` };
}

/** `02:14Z`. */
function clockMinutes(time: string | undefined): string {
  return `${(time ?? '').slice(11, 16)}Z`;
}

/**
 * `<fact>: "<detail>"`. While the fact is the same the stored words stay: servers put request ids and times into their
 * errors, and each write of a status wakes a function.
 */
function wording(stored: string | undefined, fact: string, detail: string | undefined): string {
  if (detail === undefined) return oneLine(fact);
  const prefix = `${oneLine(fact)}: "`;
  // Secrets are hidden before the cut: half of one is not recognised.
  const shown = oneLine(detail).slice(0, maxDetailLength);
  return stored?.startsWith(prefix) === true ? stored : oneLine(`${prefix}${shown}"`);
}

/**
 * Requests the backup function, which alone stops runs, to reconcile the database. The request names the run itself. No
 * PgBackup has that name, so the function inspects the pod whatever became of the run's PgBackup.
 */
export function orphanRequest({ subject, orphan }: Finding, cause: string): Command[] {
  if (orphan === undefined) return [];
  const { namespace, statefulSet } = subject;
  const event: OwnEvent = {
    type: eventType.reconcileRequested,
    source: path.statefulSet(namespace, statefulSet),
    id: `${cause}/backup/${orphan.id}`,
    subject: `statefulset/${namespace}/${statefulSet}`,
    extensions: { pgpurpose: 'backup' },
    data: { namespace, name: orphan.id, purpose: 'backup', statefulSet },
  };
  return [{ type: 'post', events: [event], then: [] }];
}
