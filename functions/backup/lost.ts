/** Decides about running PgBackups whose pod is lost: ten minutes to come back, then what the catalogue says. No side effects. */
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { podPatience, proofPatience } from '../domain/run/limits.ts';
import { prove, type Proof } from '../domain/catalogue/proof.ts';
import { oneLine } from '../domain/text.ts';
import { clockTime, parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import type { LostRun, Observation } from './observation.ts';
import { succeeded } from './outcome.ts';
import { claimOf, unprovable } from './claim.ts';
import { provingSince, whatNext, writeFailure, type RunningBackup } from './run.ts';
import type { Transition } from './transition.ts';

/** Whether the catalogue decides now: wal-g is known to have ended, or the pod had its time to come back. */
export function isProofDue(backup: PgBackup, now: UnixSeconds): boolean {
  const since = parseTime(backup.status.unprovenSince);
  return provingSince(backup) !== undefined || (since !== undefined && now - since >= podPatience);
}

/** What changes for one of them; `wait` when nothing does. */
export function judgeLost(observation: Observation, backup: PgBackup, lost: LostRun): Transition {
  const { executor } = backup.status;
  const waiting: Transition = { kind: 'wait', reason: 'PodLost', message: lost.why };
  if (executor === undefined) return waiting;
  const running: RunningBackup = { ...backup, status: { ...backup.status, executor } };
  if (!isProofDue(backup, observation.now)) return record(observation, running, lost);
  if (lost.proof === undefined || lost.proof === 'noTime') return waiting;
  return lost.proof === 'noPrimary'
    ? withoutProof(observation, running, { why: lost.why, last: lost.why })
    : judgeProof(observation, running, lost);
}

/** Written once for the silence and once for its reason: what Kubernetes says next of a pod that is lost is nothing new. */
function record(observation: Observation, backup: RunningBackup, { why }: LostRun): Transition {
  const { message = '', unprovenSince } = backup.status;
  const since = parseTime(unprovenSince) ?? observation.now;
  const wait = {
    reason: 'PodLost',
    message: oneLine(`${why}; it may come back until ${clockTime(since + podPatience)}`),
  };
  if (unprovenSince !== undefined && message.includes('; it may come back until ')) return { kind: 'wait', ...wait };
  const status = { ...backup.status, unprovenSince: rfc3339(since), message: wait.message };
  return { kind: 'write', status, ...wait };
}

function judgeProof(observation: Observation, backup: RunningBackup, { proof, why }: LostRun): Transition {
  const proved = proofOf(backup, proof);
  switch (proved.verdict) {
    case 'proved': {
      const answer = typeof proof === 'object' && proof.ok ? proof.value : undefined;
      const status = succeeded(backup, { entry: proved.entry, answer }, undefined);
      const message = `${proved.entry.name} is stored and restorable, although ${why}`;
      return { kind: 'write', status, reason: 'Proved', message: oneLine(message) };
    }
    case 'unknown':
      return withoutProof(observation, backup, { why, last: proved.why });
    default:
      return failLost(observation, backup, why);
  }
}

function proofOf(backup: RunningBackup, proof: LostRun['proof']): Proof {
  if (typeof proof !== 'object') return { verdict: 'unknown', why: 'the catalogue was not read' };
  return proof.ok ? prove(proof.value, claimOf(backup)) : { verdict: 'unknown', why: proof.problem.message };
}

/** What wal-g itself has said of its end is worth an hour of asking; of a run that was cut nothing is expected. */
function withoutProof(
  observation: Observation,
  backup: RunningBackup,
  { last, why }: { readonly why: string; readonly last: string },
): Transition {
  const since = provingSince(backup);
  if (since === undefined) return failLost(observation, backup, why);
  if (observation.now - since >= proofPatience) return writeFailure(observation, backup, unprovable(last));
  return { kind: 'wait', reason: 'ProofUnknown', message: oneLine(last) };
}

function failLost(observation: Observation, backup: RunningBackup, why: string): Transition {
  const text = `${why}. Nothing counts as stored. ${whatNext(observation)}`;
  return writeFailure(observation, backup, { kind: 'InitializationError', text });
}
