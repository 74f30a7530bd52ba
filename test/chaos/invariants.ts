/** The invariants of the product, as far as they can be judged from a final state. Each check gives its breaks, in words. No side effects. */
import type { BackupHistory, Seen } from './seen.ts';

type Check = (seen: Seen) => readonly string[];

/** Everything that is not as it must be; empty when all is well. */
export function breaksOf(seen: Seen): string[] {
  return checks.flatMap((check) => check(seen));
}

/** In the order of the invariants. */
const checks: readonly Check[] = [
  slotRunsNotOnce,
  runsStartedTwice,
  pushesAtOnce,
  successesNotStored,
  storedWithoutSuccess,
  statesAfterTheEnd,
  unfinishedBackups,
  thingsLeftRunning,
  newestNotKept,
  tooManyKept,
  prunedButStored,
  notOnceInTheLog,
  lastSuccessIsNotTheNewest,
  timersLeft,
  secretsShown,
  endsNotAnnounced,
  idsWithTwoFacts,
  eventsNotOnce,
  managerNotAnnounced,
];

function slotRunsNotOnce({ backups, manager, slots }: Seen): string[] {
  const missed = (manager.status.schedule?.missed?.last ?? []).map(({ slot }) => slot);
  return slots.flatMap((slot) => {
    const runs = backups.filter((backup) => backup.slot === slot);
    const settlings = missed.filter((one) => one === slot);
    return runs.length + settlings.length === 1
      ? []
      : [`I1: slot ${slot} has ${runs.length} PgBackups and is recorded as missed ${settlings.length} times`];
  });
}

function runsStartedTwice({ calls }: Seen): string[] {
  const pushes = calls.filter(({ kind }) => kind === 'backup-push').map(({ run }) => run);
  return repeated(pushes).map((run) => `I1: wal-g was started more than once for run ${run}`);
}

function pushesAtOnce({ calls }: Seen): string[] {
  return calls
    .filter(({ overlaps }) => overlaps !== undefined)
    .map(({ kind, run, overlaps }) => `I2: ${kind} of ${run} began while wal-g ${overlaps} was alive`);
}

function successesNotStored({ backups, manager, stored }: Seen): string[] {
  const doomed = namesBeingDeleted(manager);
  return backups
    .filter(isThere)
    .filter(isSuccess)
    .filter(({ status }) => !doomed.includes(status.backup?.name ?? ''))
    .flatMap(({ name, uid }) => {
      const own = stored.filter((entry) => entry.uid === uid);
      if (own.length !== 1) return [`I3: ${name} is in success and is stored ${own.length} times`];
      const missing = own.flatMap(({ missingWal }) => missingWal);
      return missing.length === 0 ? [] : [`I3: ${name} is in success and its WAL is not stored: ${missing.join(', ')}`];
    });
}

/** What a failed rotation was told to delete may be gone before the next one has seen it. */
function namesBeingDeleted({ status }: Seen['manager']): readonly string[] {
  const { rotation } = status.conditions;
  return rotation?.status === 'error' ? (rotation.planned?.names ?? []) : [];
}

/** A run that failed may leave a backup that nobody proved; nothing else may be there. */
function storedWithoutSuccess({ backups, stored }: Seen): string[] {
  return stored.flatMap(({ name, uid }) => {
    const owner = backups.find((backup) => backup.uid === uid);
    return owner !== undefined && isFinished(owner)
      ? []
      : [`I3: ${name} is stored, but belongs to no finished PgBackup`];
  });
}

function statesAfterTheEnd({ backups }: Seen): string[] {
  return backups.flatMap(({ name, states }) => {
    const end = states.findIndex(({ state }) => state === 'success' || state === 'error');
    if (end === -1 || end === states.length - 1) return [];
    const path = states.map(({ state, finishTime }) => `${state} ${finishTime ?? ''}`.trim());
    return [`I4: ${name} left a terminal state: ${path.join(' → ')}`];
  });
}

function unfinishedBackups({ backups }: Seen): string[] {
  return backups
    .filter((backup) => isThere(backup) && !isFinished(backup))
    .map(({ name, status }) => `I5: ${name} is ${status.state ?? 'untouched'}: ${status.message ?? ''}`);
}

function thingsLeftRunning({ alive, lockIsHeld, manager }: Seen): string[] {
  const { backup, rotation } = manager.status.conditions;
  return [
    ...alive.map((run) => `I5: a process of run ${run} is alive`),
    ...(lockIsHeld ? ['I5: the lock of the data directory is held'] : []),
    ...(backup?.running === undefined ? [] : [`I5: conditions.backup says that ${backup.running} is running`]),
    ...(rotation?.running === undefined ? [] : [`I5: conditions.rotation says that ${rotation.running.id} is running`]),
  ];
}

/** The newest n proven backups, by their place in WAL. */
function newestNotKept({ backups, manager, stored }: Seen): string[] {
  const names = new Set(stored.map(({ name }) => name));
  return provenNames(backups)
    .slice(-manager.spec.backup.numberToRetain)
    .filter((name) => !names.has(name))
    .map((name) => `I6: ${name} is one of the newest proven backups and is gone`);
}

/** Only a rotation that says that it is done can be held to the number. */
function tooManyKept({ backups, manager, stored }: Seen): string[] {
  const { numberToRetain } = manager.spec.backup;
  const { backup, rotation } = manager.status.conditions;
  if (rotation?.status !== 'ok' || rotation.servedBackup !== backup?.lastSuccess?.uid) return [];
  const proven = new Set(provenNames(backups));
  const kept = stored.filter(({ name }) => proven.has(name)).length;
  return kept <= numberToRetain ? [] : [`I6: ${kept} proven backups are stored, numberToRetain is ${numberToRetain}`];
}

function prunedButStored({ backups, stored }: Seen): string[] {
  return backups
    .filter((backup) => backup.deleted && isSuccess(backup) && stored.some(({ uid }) => uid === backup.uid))
    .map(({ name }) => `I6: ${name} was removed although its backup is stored`);
}

/** The log holds five. */
function notOnceInTheLog({ backups, manager }: Seen): string[] {
  const log = manager.status.conditions.backup?.log ?? [];
  if (backups.length > 5) return [];
  return backups
    .filter(isThere)
    .filter(isFinished)
    .flatMap(({ name }) => {
      const count = log.filter((run) => run.name === name).length;
      return count === 1 ? [] : [`I7: ${name} is in the history of the manager ${count} times`];
    });
}

function lastSuccessIsNotTheNewest({ backups, manager }: Seen): string[] {
  const newest = provenNames(backups).at(-1);
  const found = backups.find(({ status }) => newest !== undefined && status.backup?.name === newest);
  const { lastSuccess } = manager.status.conditions.backup ?? {};
  if (lastSuccess?.uid === found?.uid) return [];
  return [
    `I7: the last success of the manager is ${lastSuccess?.name ?? 'none'}, the newest is ${found?.name ?? 'none'}`,
  ];
}

function timersLeft({ timers }: Seen): string[] {
  return timers.filter((name) => !name.startsWith('aidboxops-slot-')).map((name) => `I7: timer ${name} is left`);
}

function secretsShown({ secret, texts }: Seen): string[] {
  return texts.includes(secret) ? ['I9: a secret can be read'] : [];
}

function endsNotAnnounced({ announced, backups }: Seen): string[] {
  const ids = new Set(announced.map(({ id }) => id));
  return backups.filter(isFinished).flatMap(({ name, status, uid }) => {
    const wanted = `${uid}/${status.state === 'success' ? 'succeeded' : 'failed'}`;
    const other = `${uid}/${status.state === 'success' ? 'failed' : 'succeeded'}`;
    return [
      ...(ids.has(wanted) ? [] : [`I10: the end of ${name} was never announced`]),
      ...(ids.has(other) ? [`I10: ${name} ended in ${status.state}, announced was ${other}`] : []),
      ...(status.startTime === undefined || ids.has(`${uid}/started`)
        ? []
        : [`I10: the start of ${name} was never announced`]),
      ...(status.announced === status.state ? [] : [`I10: ${name} does not know that its end was announced`]),
    ];
  });
}

function idsWithTwoFacts({ announced }: Seen): string[] {
  return announced
    .filter(({ facts }) => new Set(facts).size > 1)
    .map(({ id, facts }) => `I10: id ${id} stood for different facts: ${[...new Set(facts)].join(' / ')}`);
}

/** A copy that nobody could take in time is told as a dead letter: true, and no transition. */
const deadLetter = 'Warning Undelivered';

/** Kubernetes Events about PgBackups: one of each transition. */
function eventsNotOnce({ events, backups }: Seen): string[] {
  return backups
    .filter(isThere)
    .filter(isFinished)
    .flatMap(({ name, status, uid }) => {
      const end = status.state === 'success' ? 'Normal BackupSucceeded' : `Warning ${status.reason}`;
      const wanted = [...(status.startTime === undefined ? [] : ['Normal BackupStarted']), end].sort();
      const found = events
        .filter((event) => event.uid === uid)
        .map(({ type, reason }) => `${type} ${reason}`)
        .filter((event) => event !== deadLetter)
        .sort();
      return found.join() === wanted.join()
        ? []
        : [`I10: Events of ${name}: ${found.join(', ')}; wanted ${wanted.join(', ')}`];
    });
}

function managerNotAnnounced({ announced, manager }: Seen): string[] {
  const ids = new Set(announced.map(({ id }) => id));
  const { outbox = [] } = manager.status.conditions.rotation ?? {};
  return [
    ...idsOwedBy(manager)
      .filter((id) => !ids.has(id))
      .map((id) => `I10: ${id} was never announced`),
    ...(outbox.length === 0 ? [] : ['I10: the outbox of the rotation is not empty']),
  ];
}

/** What the manager itself has to tell. */
function idsOwedBy({ metadata, status }: Seen['manager']): string[] {
  const { missed } = status.schedule ?? {};
  const { rotation, storage } = status.conditions;
  return [
    ...(missed?.last ?? []).map(({ slot }) => `missed/${slot}`),
    ...(rotation?.log ?? []).map(({ id, state }) => `rotation/${id}/${state}`),
    ...(storage?.state === 'unavailable' ? [`storage/unavailable/${storage.since}`] : []),
  ].map((id) => `${metadata.uid}/${id}`);
}

function provenNames(backups: readonly BackupHistory[]): string[] {
  return backups
    .filter(isSuccess)
    .flatMap(({ status }) => status.backup?.name ?? [])
    .sort();
}

function isThere({ deleted }: BackupHistory): boolean {
  return !deleted;
}

function isSuccess({ status }: BackupHistory): boolean {
  return status.state === 'success';
}

function isFinished({ status }: BackupHistory): boolean {
  return status.state === 'success' || status.state === 'error';
}

function repeated(items: readonly string[]): string[] {
  return [...new Set(items.filter((item, at) => items.indexOf(item) !== at))];
}
