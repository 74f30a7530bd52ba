/** A rotation that is due: what keeps it from beginning, and what the plan leads to. No side effects. */
import { podRef } from '../domain/commands/run-commands.ts';
import { parseCatalogue, unreadableText, type CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import type { Decision } from '../domain/commands/command.ts';
import { warningMessage, warningOf } from './big-deletion.ts';
import { refusalMessage } from './refusals.ts';
import { deletedBefore, planRetention } from './retention.ts';
import type { Plan, StoredBackups } from './stored-backups.ts';
import { defined } from '../domain/defined.ts';
import { pinExecutor, startNotAfter } from '../domain/run/launch.ts';
import { deletingManager } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import { noPrimaryText, severalPrimariesText } from '../domain/run/location.ts';
import { readHistory } from '../domain/catalogue/timeline-history.ts';
import { databaseDown } from '../domain/run/obstacles.ts';
import { attemptOf, attemptsFor, goneOf, rotationOf, runId, type Ending } from './condition.ts';
import { oneLine } from '../domain/text.ts';
import { rfc3339 } from '../domain/time.ts';
import { dryRunMessage, someNames, storedMessage } from './messages.ts';
import type { Observation } from './observation.ts';
import { applyRotation, fail, recordOutcome } from './outcome.ts';
import { runTimer, timerCommands } from './timer.ts';
import { rotationTimeout } from '../domain/run/limits.ts';

/** The success that is served, and the id that an ending or a run gets now. */
interface Serving {
  readonly observation: Observation;
  readonly success: PgBackup;
  readonly id: string;
}

/** Everything unfinished has a timer: a run from before it begins, anything else from the first decision. */
export function judgeDue(observation: Observation, success: PgBackup): Decision {
  const decision = judge(observation, success);
  if (decision.next === 'again') return decision;
  return { ...decision, commands: [...timerCommands(observation), ...decision.commands] };
}

/** First hit wins; when nothing is in the way, the catalogue decides. */
function judge(observation: Observation, success: PgBackup): Decision {
  const { uid } = success.metadata;
  const id = runId(uid, attemptsFor(rotationOf(observation.manager), uid) + 1);
  const serving: Serving = { observation, success, id };
  for (const check of obstacles) {
    const decision = check(serving);
    if (decision !== undefined) return decision;
  }
  return judgeCatalogue(serving);
}

const obstacles: readonly ((serving: Serving) => Decision | undefined)[] = [
  severalManagers,
  noPod,
  noAnswer,
  unfitPod,
  lockHeld,
  noNamespace,
  noCatalogue,
];

/** Two values of numberToRetain for one set of backups: the smaller one would win, and it may be the wrong one. */
function severalManagers({ observation, id }: Serving): Decision | undefined {
  const { managers, manager } = observation;
  const deleting = deletingManager(manager, managers);
  if (deleting?.metadata.uid === manager.metadata.uid) return undefined;
  if (deleting !== undefined) {
    const message = `this PgManager is suspended; PgManager ${deleting.metadata.name} deletes old backups`;
    return recordOutcome(observation, atOnce(observation, { id, outcome: 'success', message, deleted: [] }));
  }
  const names = managers.map(({ metadata }) => metadata.name).toSorted();
  const message = refusalMessage(
    `ScheduleConflict: ${names.length} PgManagers have the selector "${manager.spec.selector.name}" (${someNames(names)}). Delete or suspend all but one; takes effect after the next successful backup.`,
  );
  return recordOutcome(observation, atOnce(observation, { id, outcome: 'refused', message, deleted: [] }));
}

function noPod({ observation, id }: Serving): Decision | undefined {
  const { location } = observation;
  if (location === undefined)
    return { commands: [], next: 'retry', reason: 'NotInspected', message: 'no pod was read' };
  if (location.found === 'never') return fail(observation, id, location.problem.text);
  if (location.found === 'notReady')
    return fail(observation, id, `pod ${location.pod} is not ready (${location.state})`);
  if (location.found === 'noPrimary') return fail(observation, id, noPrimaryText(location));
  if (location.found === 'severalPrimaries')
    return fail(observation, id, `${severalPrimariesText(location)}. Stop all but one`);
  return undefined;
}

function noAnswer({ observation, id }: Serving): Decision | undefined {
  const { podInspection } = observation;
  if (podInspection === undefined)
    return { commands: [], next: 'retry', reason: 'NotInspected', message: 'no pod was inspected' };
  return podInspection.answer.ok
    ? undefined
    : fail(
        observation,
        id,
        `pod ${podInspection.container.pod} does not answer: ${podInspection.answer.problem.message}`,
      );
}

function unfitPod({ observation, id }: Serving): Decision | undefined {
  const { podInspection } = observation;
  if (podInspection?.answer.ok !== true) return undefined;
  const { obstacle } = podInspection.answer.value;
  if (obstacle !== undefined) return fail(observation, id, `in ${podInspection.container.pod} ${obstacle.detail}`);
  const down = databaseDown(podInspection.answer.value);
  return down === undefined ? undefined : fail(observation, id, `${down} in ${podInspection.container.pod}`);
}

/** A backup that has just ended frees the lock within a second; whatever else holds it is not ours to end. */
function lockHeld({ observation, id }: Serving): Decision | undefined {
  const { podInspection, patient } = observation;
  if (podInspection?.answer.ok !== true) return undefined;
  const { holder } = podInspection.answer.value;
  if (holder === undefined) return undefined;
  const who = holder === 'unknown' ? 'a process that aidboxops did not start' : `${holder.kind} run ${holder.id}`;
  const message = `${who} holds the lock of the data directory in ${podInspection.container.pod}`;
  return patient ? { commands: [], next: 'wait', reason: 'LockHeld', message } : fail(observation, id, message);
}

/** Without the UID of the Namespace our backups cannot be distinguished from those of another cluster with the same names. */
function noNamespace({ observation, id }: Serving): Decision | undefined {
  const { namespaceIdentity } = observation;
  if (namespaceIdentity === undefined || namespaceIdentity.known) return undefined;
  const message = refusalMessage(`NamespaceUnknown: ${namespaceIdentity.why}`);
  return recordOutcome(observation, atOnce(observation, { id, outcome: 'refused', message, deleted: [] }));
}

function noCatalogue({ observation, id }: Serving): Decision | undefined {
  const { catalogue } = observation;
  if (catalogue === undefined) {
    const message = 'out of time; the catalogue is read in the next activation';
    return { commands: [], next: 'retry', reason: 'NoTimeForCatalogue', message };
  }
  if (!catalogue.ok) return fail(observation, id, `the catalogue could not be read: ${catalogue.problem.message}`);
  const read = parseCatalogue(catalogue.value);
  if (!read.known) return fail(observation, id, `the catalogue could not be read: ${read.why}`);
  if (catalogue.value.timeline !== undefined) return undefined;
  return fail(observation, id, 'the timeline of the database is not known, because no WAL segment is in pg_wal');
}

/** Entries of a catalogue that was read; none otherwise. */
function entriesOf({ catalogue }: Observation): readonly CatalogueEntry[] {
  const read = catalogue?.ok === true ? parseCatalogue(catalogue.value) : undefined;
  return read?.known === true ? read.entries : [];
}

function judgeCatalogue(serving: Serving): Decision {
  const { observation, success, id } = serving;
  const entries = entriesOf(observation);
  // What was proved a moment ago has to be listed; a list without it is not one to delete by.
  if (!entries.some(({ owner, readable }) => readable && owner?.uid === success.metadata.uid)) {
    return fail(observation, id, notListed(entries, success));
  }
  const stored = storedBackupsOf(observation, entries);
  return stored === undefined ? notRead : judgePlan(serving, entries, planRetention(stored));
}

const notRead: Decision = { commands: [], next: 'retry', reason: 'NotInspected', message: 'not everything was read' };

function notListed(entries: readonly CatalogueEntry[], { metadata, status }: PgBackup): string {
  const unread = unreadableText(entries);
  if (unread !== undefined) return `the catalogue could not be read: ${unread}`;
  return `the catalogue (${entries.length} stored) does not list the newest backup, ${status.backup?.name ?? metadata.name}; nothing is deleted by such a list. Was the storage changed?`;
}

function storedBackupsOf(observation: Observation, entries: readonly CatalogueEntry[]): StoredBackups | undefined {
  const { manager, backups, catalogue, namespaceIdentity } = observation;
  if (catalogue?.ok !== true || catalogue.value.timeline === undefined || namespaceIdentity?.known !== true)
    return undefined;
  const { systemIdentifier, timeline, history } = catalogue.value;
  const { backup, rotation, selector } = manager.spec;
  const inState = (state: string): PgBackup[] => backups.filter(({ status }) => status.state === state);
  return {
    cluster: namespaceIdentity.uid,
    namespace: manager.metadata.namespace,
    statefulSet: selector.name,
    systemIdentifier,
    entries,
    known: new Set(backups.map(({ metadata }) => metadata.uid)),
    proven: new Map(inState('success').map(({ metadata, status }) => [metadata.uid, status.backup?.name])),
    failed: new Set(inState('error').map(({ metadata }) => metadata.uid)),
    history: readHistory(timeline, history ?? []),
    retain: backup.numberToRetain,
    adopt: rotation.adopt,
    adoptFrom: rotation.adoptFrom,
  };
}

function judgePlan(serving: Serving, entries: readonly CatalogueEntry[], plan: Plan): Decision {
  const { observation, id } = serving;
  const { manager } = observation;
  const end = (ending: Pick<Ending, 'outcome' | 'message' | 'deleted' | 'warned'>): Decision =>
    recordOutcome(observation, atOnce(observation, { id, ...ending, kept: entries.length }), entries);
  if (plan.verdict === 'refused') return end({ outcome: 'refused', message: plan.message, deleted: [] });
  if (manager.spec.rotation.mode === 'DryRun') {
    const toDelete = plan.verdict === 'delete' ? plan.toDelete : [];
    const deleted = toDelete.map(({ name }) => name);
    return end({ outcome: 'dryrun', message: dryRunMessage(toDelete, plan.permanent), deleted });
  }
  if (plan.verdict === 'delete') return launchOrWarn(serving, plan, end);
  // An attempt that seemed to fail may have deleted what it was ordered to.
  const deleted = goneOf(rotationOf(manager).planned, entries);
  return end({ outcome: 'success', message: storedMessage(entries, deleted, plan.permanent), deleted });
}

type Deletion = Extract<Plan, { verdict: 'delete' }>;

function launchOrWarn(
  { observation, success, id }: Serving,
  plan: Deletion,
  end: (ending: Pick<Ending, 'outcome' | 'message' | 'deleted' | 'warned'>) => Decision,
): Decision {
  const { manager } = observation;
  const warned = warningOf(plan, success.metadata.uid, rotationOf(manager).warned);
  if (warned === undefined) return launch(observation, id, plan);
  const message = warningMessage(plan, warned, manager.spec.backup.numberToRetain);
  return end({ outcome: 'refused', message, deleted: [], warned });
}

/** Nothing was started: it began and ended at this moment. */
function atOnce({ now }: Observation, ending: Omit<Ending, 'startTime' | 'finishTime'>): Ending {
  return { ...ending, startTime: rfc3339(now), finishTime: rfc3339(now) };
}

/** Timer → running, with plan and place pinned → start. */
function launch(observation: Observation, id: string, plan: Deletion): Decision {
  const { podInspection, manager, now } = observation;
  if (podInspection?.answer.ok !== true)
    return { commands: [], next: 'retry', reason: 'NotInspected', message: 'no pod was inspected' };
  const { identity, podTime } = podInspection.answer.value;
  const directory = manager.spec.backup.directory;
  const run = { directory, timeoutSeconds: rotationTimeout };
  const executor = pinExecutor({ container: podInspection.container, inspection: podInspection.answer.value }, run);
  const entries = entriesOf(observation);
  const message = oneLine(
    `deleting ${plan.toDelete.length} of ${entries.length} stored backups in ${podInspection.container.pod}`,
  );
  const rotation = rotationOf(manager);
  return {
    commands: [
      runTimer(manager),
      applyRotation(
        manager,
        defined({
          ...rotation,
          status: 'pending' as const,
          message,
          attempt: attemptOf(id),
          running: { id, startTime: rfc3339(now), executor },
          planned: plannedNow(rotation, { id, cut: plan.cutoff.name, entries }),
        }),
      ),
      {
        type: 'start',
        pod: podRef(manager.metadata.namespace, podInspection.container.pod),
        request: {
          id,
          kind: 'rotation',
          dir: directory,
          identity,
          notAfter: startNotAfter(podTime),
          timeoutSeconds: rotationTimeout,
          cut: plan.cutoff.name,
          names: entries.map(({ name }) => name),
        },
      },
    ],
    next: 'again',
    reason: 'Starting',
    message,
  };
}

/** What this run is ordered to delete, and what earlier runs were ordered to delete and nobody has seen gone yet. */
function plannedNow(
  rotation: RotationCondition,
  order: { readonly id: string; readonly cut: string; readonly entries: readonly CatalogueEntry[] },
): NonNullable<RotationCondition['planned']> {
  const { id, cut, entries } = order;
  const gone = goneOf(rotation.planned, entries);
  const names = [...gone, ...deletedBefore(entries, cut).map(({ name }) => name)];
  return { id, cut, names: [...new Set(names)].toSorted() };
}
