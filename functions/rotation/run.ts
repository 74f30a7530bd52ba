/** Decides about the running rotation: is it alive, did it end, is gone what was to go? No side effects. */
import { parseCatalogue, unreadableText, type CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { deletedBefore, permanentBefore } from './retention.ts';
import { defined } from '../domain/defined.ts';
import { overdueOf, startMayStillArrive } from '../domain/run/launch.ts';
import type { Inspection, RunReport } from '../domain/run/protocol.ts';
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import { attemptOf, goneOf, maxAttempts, rotationOf, type Ending } from './condition.ts';
import { errorLines, fullLog } from '../domain/run/log-excerpt.ts';
import { parseTime, rfc3339, span, type UnixSeconds } from '../domain/time.ts';
import { someNames, storedMessage } from './messages.ts';
import type { Observation } from './observation.ts';
import { rotationTimeout, lastGrace, deadlineGrace } from '../domain/run/limits.ts';
import { applyRotation, fail, recordOutcome } from './outcome.ts';
import { timerCommands } from './timer.ts';

type Running = NonNullable<RotationCondition['running']>;

/** What the pod said of the run, in one place. */
interface RunObservation {
  readonly observation: Observation;
  readonly running: Running;
  readonly inspection: Inspection;
  readonly run: RunReport;
}

/** True when the decision depends on the catalogue, so that `gather` reads it. */
export function needsCatalogue({ run }: Inspection): boolean {
  return run?.state === 'exited' && run.exitCode === 0 && !run.catalogueChanged;
}

/** True when the run is alive, or about to be: then nothing but the pod has to be read. */
export function isAlive({ run }: Inspection): boolean {
  return run?.state === 'starting' || run?.state === 'running';
}

/**
 * Ensures the timer once an activation, before anything else. The timer triggers the next reconcile of a run that was already
 * in progress; a run that this activation started is polled.
 */
export function judgeRunning(observation: Observation, running: Running): Decision {
  const decision = judgeInspection(observation, running);
  if (!observation.firstRound) return decision;
  const next = decision.next === 'wait' ? 'done' : decision.next;
  return { ...decision, next, commands: [...timerCommands(observation), ...decision.commands] };
}

function judgeInspection(observation: Observation, running: Running): Decision {
  const { podInspection } = observation;
  if (podInspection === undefined)
    return { commands: [], next: 'retry', reason: 'NotInspected', message: 'no pod was inspected' };
  if (!podInspection.answer.ok) return judgeUnreachable(observation, running, podInspection.answer.problem);
  const inspection = podInspection.answer.value;
  const { run } = inspection;
  if (run === undefined) return judgeUnreachable(observation, running, { kind: 'transient', message: 'no report' });
  return judgeByState[run.state]({ observation, running, inspection, run });
}

const judgeByState: Readonly<Record<RunReport['state'], (observed: RunObservation) => Decision>> = {
  starting: judgeAlive,
  running: judgeAlive,
  exited: judgeExited,
  died: (observed) =>
    fail(observed.observation, observed.running.id, 'wal-g is gone without an exit code (killed?)', logOf(observed)),
  none: judgeMissing,
};

/**
 * A pod that is gone took the run with it; one that is silent, or that we may not ask, may still be deleting: it has
 * until after the deadline.
 */
function judgeUnreachable(
  observation: Observation,
  running: Running,
  problem: { readonly kind: string; readonly message: string },
): Decision {
  const { pod } = running.executor;
  const until = (parseTime(running.startTime) ?? 0) + rotationTimeout + lastGrace;
  const { podLost } = observation;
  if (podLost !== undefined) return fail(observation, running.id, podLost);
  const fact = `pod ${pod} does not answer: ${problem.message}`;
  if (problem.kind === 'not-found' || observation.now >= until) {
    return fail(observation, running.id, fact);
  }
  return { commands: [], next: 'wait', reason: 'PodUnreachable', message: fact };
}

function judgeAlive(observed: RunObservation): Decision {
  const { inspection, observation, running } = observed;
  const overdue = overdueOf(running.executor, observed.run, inspection.podTime);
  if (overdue > lastGrace) {
    return fail(
      observation,
      running.id,
      `wal-g could not be ended after its deadline of ${span(rotationTimeout)}; it still holds the lock of the data directory`,
    );
  }
  const commands = overdue > deadlineGrace ? [stopCommand(observed)] : [];
  return { commands, next: 'wait', reason: 'Running', message: `wal-g deletes in ${running.executor.pod}` };
}

/** No files and no process: not launched yet, or never launched. What never began is planned again. */
function judgeMissing({ inspection, observation, running }: RunObservation): Decision {
  const { pod } = running.executor;
  if (startMayStillArrive(running.executor, inspection.podTime)) {
    const message = `start was sent to ${pod} and may still arrive`;
    return { commands: [], next: 'wait', reason: 'StartMayArrive', message };
  }
  return planAgain(observation, running, `the run left no trace in ${pod}: its start did not arrive, or was refused`);
}

function judgeExited(observed: RunObservation): Decision {
  const { observation, run, running } = observed;
  if (run.catalogueChanged) {
    return planAgain(observation, running, 'the catalogue changed after the plan was made');
  }
  if (run.exitCode === 0) return judgeDeleted(observed);
  const fact = run.deadlineHit
    ? `wal-g was stopped after ${span(rotationTimeout)}`
    : `wal-g ended with exit code ${run.exitCode}: "${errorLines(run)}"`;
  return fail(observation, running.id, fact, logOf(observed));
}

/** Makes it due again without an announcement; the attempt counts, so that this ends. */
function planAgain(observation: Observation, running: Running, why: string): Decision {
  if (attemptOf(running.id) >= maxAttempts) return fail(observation, running.id, why);
  const rotation = rotationOf(observation.manager);
  const message = `${why}; it is planned again`;
  return {
    commands: [applyRotation(observation.manager, defined({ ...rotation, message, running: undefined }))],
    next: 'again',
    reason: 'PlannedAgain',
    message,
  };
}

/** wal-g says that it deleted: the catalogue has to agree. */
function judgeDeleted(observed: RunObservation): Decision {
  const { observation, running } = observed;
  const { catalogue } = observation;
  if (catalogue === undefined) {
    const message = 'out of time; the catalogue is read in the next activation';
    return { commands: [], next: 'retry', reason: 'NoTimeForCatalogue', message };
  }
  const read = catalogue.ok
    ? parseCatalogue(catalogue.value)
    : { known: false as const, why: catalogue.problem.message };
  // A plain list knows names only: which of those that are left are permanent is not known.
  const why = read.known ? (isPlain(catalogue) ? unreadableText(read.entries) : undefined) : read.why;
  if (!read.known || why !== undefined) {
    return fail(observation, running.id, `wal-g has deleted, but the catalogue could not be read: ${why}`);
  }
  return judgeRemaining(observed, read.entries);
}

function isPlain(catalogue: NonNullable<Observation['catalogue']>): boolean {
  return catalogue.ok && catalogue.value.plain;
}

function judgeRemaining(observed: RunObservation, entries: readonly CatalogueEntry[]): Decision {
  const { observation, running } = observed;
  const { planned } = rotationOf(observation.manager);
  const cut = planned?.cut;
  if (cut === undefined || !entries.some(({ name }) => name === cut)) {
    const what = `${cut ?? 'the oldest backup that was to stay'} is not listed after the run`;
    return fail(observation, running.id, `${what}. Was the storage changed?`, logOf(observed));
  }
  const gone = goneOf(planned, entries);
  const left = deletedBefore(entries, cut).map(({ name }) => name);
  if (left.length > 0) {
    const what = gone.length === 0 ? 'deleted nothing although it should have' : `deleted only ${gone.length}`;
    const advice = 'Check that the storage lets wal-g delete';
    return fail(
      observation,
      running.id,
      `wal-g reported success but ${what}: ${someNames(left)} ${left.length === 1 ? 'is' : 'are'} still stored. ${advice}`,
    );
  }
  const ending: Ending = {
    id: running.id,
    outcome: 'success',
    message: storedMessage(entries, gone, permanentBefore(entries, cut)),
    ...timesOf(observed),
    deleted: gone,
    kept: entries.length,
  };
  return recordOutcome(observation, ending, entries);
}

/** Both by the pod's clock, or both by the API server's. */
function timesOf({ observation, run, running }: RunObservation): { startTime: string; finishTime: string } {
  const { startedAt, endedAt } = run;
  if (startedAt === undefined || endedAt === undefined) {
    return { startTime: running.startTime, finishTime: rfc3339(observation.now) };
  }
  const finishedAt: UnixSeconds = Math.max(startedAt, endedAt);
  return { startTime: rfc3339(startedAt), finishTime: rfc3339(finishedAt) };
}

function stopCommand({ observation, running }: RunObservation): Command {
  const { pod, directory } = running.executor;
  return {
    type: 'stop',
    pod: podRef(observation.manager.metadata.namespace, pod),
    kind: 'rotation',
    id: running.id,
    directory,
  };
}

function logOf({ observation, running }: RunObservation): string {
  const { pod, directory } = running.executor;
  const { namespace } = observation.manager.metadata;
  return fullLog({ namespace, pod, file: `${directory}/.run/${running.id}/log` });
}
