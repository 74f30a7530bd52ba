/** One look at a database, recorded with every PgManager that asked for it. */
import { isDeepStrictEqual } from 'node:util';
import { failure } from '../domain/failures.ts';
import type { PgManager } from '../domain/resources.ts';
import { apply, type Effects } from '../platform/apply.ts';
import type { Clock } from '../platform/clock.ts';
import { serverNow } from '../platform/kube.ts';
import { readManager } from '../platform/managers.ts';
import { reconcile, type Outcome } from '../platform/reconcile.ts';
import type { Runner } from '../platform/runner.ts';
import { decide, orphanHint, type Observation } from './decide.ts';
import type { Subject } from './finding.ts';
import { lookAt } from './gather.ts';
import { judge, type Verdict } from './judge.ts';

/** What the looks of one activation share. */
export interface Looker {
  readonly effects: Effects;
  readonly clock: Clock;
  /** Id of the event that is handled; names what it leads to. */
  readonly cause: string;
}

/** An exec takes up to 20 s and a Trigger waits 60 s: none begins later than this (ms) after the activation. */
const latestExecMs = 35_000;

/** A looker whose runner begins nothing that could not end within the activation that begins now. */
export function createLooker(effects: Effects, clock: Clock, cause: string): Looker {
  const begin = clock.monotonic();
  const { runner } = effects;
  function inTime<A extends unknown[], R>(ask: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
    return (...given) =>
      clock.monotonic() - begin <= latestExecMs
        ? ask(...given)
        : Promise.reject(failure.of(0, 'OutOfTime', 'no time is left in this activation; the next probe looks'));
  }
  const bounded: Runner = {
    ...runner,
    inspect: inTime((...given: Parameters<Runner['inspect']>) => runner.inspect(...given)),
    probe: inTime((...given: Parameters<Runner['probe']>) => runner.probe(...given)),
  };
  return { effects: { ...effects, runner: bounded }, clock, cause };
}

/** The database that a manager names. */
export function subjectOf({ metadata, spec }: PgManager): Subject {
  return {
    namespace: metadata.namespace,
    statefulSet: spec.selector.name,
    directory: spec.backup.directory,
  };
}

/** Looks once for managers of the same subject; the outcome is that of the worst recording. */
export async function lookFor(looker: Looker, subject: Subject, managers: readonly PgManager[]): Promise<Outcome> {
  const { effects, cause } = looker;
  const finding = await lookAt(effects, subject);
  const hint = orphanHint(finding, cause);
  if (hint.length > 0)
    effects.log.warn('Run without a PgBackup holds the lock', {
      object: `${subject.namespace}/${subject.statefulSet}`,
      run: finding.orphan?.id,
    });
  await apply(effects, hint);
  const verdict = judge(finding);
  let worst: Outcome = { outcome: 'done', reason: 'Looked', message: verdict.fact };
  for (const manager of managers) {
    const outcome = await record(looker, manager, verdict);
    if (outcome.outcome === 'retry') worst = outcome;
  }
  return worst;
}

/**
 * A verdict counts only against the condition that it was looked for: when somebody else has recorded one meanwhile, as
 * for an event that came twice, it is dropped, so that one moment never counts as two failures.
 */
async function record({ effects, clock }: Looker, read: PgManager, verdict: Verdict): Promise<Outcome> {
  const { name, namespace, uid } = read.metadata;
  const before = read.status.conditions.storage;
  let fresh: PgManager | undefined = read;
  return reconcile<Observation>(
    {
      gather: async () => {
        const manager = fresh ?? (await readManager(effects, namespace, name));
        fresh = undefined;
        if (manager?.metadata.uid !== uid || manager.metadata.deletionTimestamp !== undefined) return undefined;
        const counts = isDeepStrictEqual(manager.status.conditions.storage, before);
        return { now: serverNow(effects.kube), manager, verdict: counts ? verdict : undefined };
      },
      decide,
      apply: ({ commands, reason, message }) => {
        if (commands.length > 0)
          effects.log.info('Decision', { object: `${namespace}/${name}`, reason, detail: message });
        return apply(effects, commands);
      },
    },
    clock,
  );
}
