/** Findings as tables of tests describe them: everything as usual but for what is named. */
import type { ProbeAnswer } from '../../../functions/domain/run/protocol.ts';
import type { RunnerProblem } from '../../../functions/domain/run/observed-run.ts';
import type { Finding, ProbedDatabase } from '../../../functions/storage/finding.ts';
import { slot } from './objects.ts';
import { container } from './pod.ts';

export const subject: ProbedDatabase = { namespace: 'shop', statefulSet: 'postgres', directory: '/PgBackup' };

export function probed(shape: Partial<ProbeAnswer> = {}): ProbeAnswer {
  return {
    podTime: slot,
    uid: 999,
    walgVersion: 'v3.0.8',
    archiveMode: 'on',
    read: { outcome: 'ok', detail: '' },
    write: { outcome: 'ok', detail: '' },
    holder: undefined,
    ...shape,
  };
}

/** The check of writing fails with this detail. */
export function writeFails(detail = 'NoSuchBucket'): Partial<ProbeAnswer> {
  return { write: { outcome: 'failed', detail } };
}

export function found(shape: Partial<ProbeAnswer> = {}): Finding {
  return {
    subject,
    location: { found: 'ready', containers: [container] },
    answer: { pod: container.pod, result: { ok: true, value: probed(shape) } },
  };
}

export function foundNobody(kind: RunnerProblem['kind'], message: string): Finding {
  return { ...found(), answer: { pod: container.pod, result: { ok: false, problem: { kind, message } } } };
}
