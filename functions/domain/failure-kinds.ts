/** The four kinds of a failed backup: one vocabulary for status, Kubernetes Events, CloudEvents, logs and alerts. */

/**
 * * `NoPodAccess`: no StatefulSet of that name, no pod, no container `postgres`, exec refused or unreachable, directory not creatable.
 * * `AlreadyRunning`: another backup of the same StatefulSet is running.
 * * `WalgError`: wal-g failed, was stopped at the deadline, or left no proved, restorable backup.
 * * `InitializationError`: pod, container or postmaster was restarted during the backup.
 */
export type FailureKind = 'NoPodAccess' | 'AlreadyRunning' | 'WalgError' | 'InitializationError';

/** Why a backup has not ended yet, where a person would ask. */
export type WaitReason =
  'PodNotReady' | 'SeveralPrimaries' | 'WaitingForRotation' | 'ProofUnknown' | 'WaitingForArchive';

/** A kind and the sentence after it: the fact, then what to do. */
export interface BackupFailure {
  readonly kind: FailureKind;
  readonly text: string;
}

/** `WalgError: wal-g ended with exit code 1 …`: how every failed run's message begins. */
export function failureText(problem: BackupFailure): string {
  return `${problem.kind}: ${problem.text}`;
}
