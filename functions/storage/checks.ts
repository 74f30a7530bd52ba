/** What a finding says of storage: checks in their order, the first hit is the message. No side effects. */
import { failureText } from '../domain/failure-kinds.ts';
import { severalPrimariesText } from '../domain/run/location.ts';
import { forbiddenText, obstacleFailure } from '../domain/run/obstacles.ts';
import type { ProbeAnswer, ProbeResult } from '../domain/run/protocol.ts';
import type { Finding } from './finding.ts';

/**
 * * `ok`: storage can be read and written.
 * * `warning`: so it is, but backups are of no use all the same.
 * * `failed`: a check of storage failed; once may be chance.
 * * `broken`: something has to be put right by a person before storage can be checked at all.
 * * `unknown`: nobody could be asked now.
 *
 * `detail` is what another program said; it may be worded anew each time and then means the same.
 */
export interface Verdict {
  readonly kind: 'ok' | 'warning' | 'failed' | 'broken' | 'unknown';
  readonly fact: string;
  readonly detail?: string;
}

type Check<T> = (subject: T, finding: Finding) => Verdict | undefined;

const podChecks: readonly Check<Finding>[] = [
  neverThere,
  notReady,
  noPrimary,
  severalPrimaries,
  notAsked,
  execRefused,
  noAnswer,
];
const probeChecks: readonly Check<ProbeAnswer>[] = [obstacleInPod, readFails, writeFails, notChecked, archivingOff];

export function judge(finding: Finding): Verdict {
  const { answer } = finding;
  const probe = answer?.result.ok === true ? answer.result.value : undefined;
  return (
    firstHit(podChecks, finding, finding) ??
    (probe === undefined ? undefined : firstHit(probeChecks, probe, finding)) ?? { kind: 'ok', fact: 'ok' }
  );
}

function firstHit<T>(checks: readonly Check<T>[], subject: T, finding: Finding): Verdict | undefined {
  for (const check of checks) {
    const verdict = check(subject, finding);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function neverThere({ location }: Finding): Verdict | undefined {
  return location.found === 'never' ? { kind: 'broken', fact: failureText(location.problem) } : undefined;
}

function notReady({ location }: Finding): Verdict | undefined {
  if (location.found !== 'notReady') return undefined;
  return { kind: 'unknown', fact: `pod ${location.pod} is not ready`, detail: location.state };
}

function noPrimary({ location }: Finding): Verdict | undefined {
  if (location.found !== 'noPrimary') return undefined;
  return { kind: 'unknown', fact: 'no pod is a primary in production', detail: location.who };
}

function severalPrimaries({ location }: Finding): Verdict | undefined {
  return location.found === 'severalPrimaries'
    ? { kind: 'unknown', fact: `${severalPrimariesText(location)}. Stop all but one.` }
    : undefined;
}

function notAsked({ answer }: Finding): Verdict | undefined {
  return answer === undefined ? { kind: 'unknown', fact: 'no pod was asked' } : undefined;
}

function execRefused({ answer, subject }: Finding): Verdict | undefined {
  if (answer?.result.ok !== false || answer.result.problem.kind !== 'forbidden') return undefined;
  const text = forbiddenText(answer.result.problem.message, subject.namespace);
  return { kind: 'broken', fact: failureText({ kind: 'NoPodAccess', text }) };
}

function noAnswer({ answer }: Finding): Verdict | undefined {
  if (answer?.result.ok !== false) return undefined;
  return { kind: 'unknown', fact: `no answer from pod ${answer.pod}`, detail: answer.result.problem.message };
}

function obstacleInPod({ obstacle }: ProbeAnswer, { answer, subject }: Finding): Verdict | undefined {
  if (obstacle === undefined) return undefined;
  return { kind: 'broken', fact: failureText(obstacleFailure(answer?.pod ?? '', obstacle, subject.directory)) };
}

function readFails({ read }: ProbeAnswer): Verdict | undefined {
  return failing('read check', read);
}

function writeFails({ write }: ProbeAnswer): Verdict | undefined {
  return failing('write check', write);
}

function failing(fact: string, { outcome, detail }: ProbeResult): Verdict | undefined {
  if (outcome === 'timeout') return { kind: 'failed', fact, detail: detail === '' ? 'no answer in time' : detail };
  return outcome === 'failed' ? { kind: 'failed', fact, detail: detail === '' ? 'failed' : detail } : undefined;
}

/** The probe leaves a check out only after a hit above; without one its answer is not whole. */
function notChecked({ read, write }: ProbeAnswer, { answer }: Finding): Verdict | undefined {
  return read.outcome === 'skipped' || write.outcome === 'skipped'
    ? { kind: 'unknown', fact: `pod ${answer?.pod ?? ''} did not check storage` }
    : undefined;
}

/** What psql could not read is left open: this is about the setting, not about psql. */
function archivingOff({ archiveMode }: ProbeAnswer): Verdict | undefined {
  return archiveMode === 'off'
    ? {
        kind: 'warning',
        fact: 'archive_mode is off: no backup can be restored without archived WAL. Set archive_mode = on and archive_command, then restart PostgreSQL.',
      }
    : undefined;
}
