/** The invariants of the product, as far as they can be judged from a final state. Each check gives its breaks, in words. No side effects. */
import type { Life, Seen } from './seen.ts';

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
  timersLeft,
  secretsShown,
  endsNotAnnounced,
  idsWithTwoFacts,
  eventsNotOnce,
  managerNotAnnounced,
];

function slotRunsNotOnce({ lives, manager, slots }: Seen): string[] {
  const missed = (manager.status.schedule?.missed?.last ?? []).map(({ slot }) => slot);
  return slots.flatMap((slot) => {
    const runs = lives.filter((life) => life.slot === slot);
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

function successesNotStored({ lives, manager, stored }: Seen): string[] {
  const doomed = namesBeingDeleted(manager);
  return lives
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
function storedWithoutSuccess({ lives, stored }: Seen): string[] {
  return stored.flatMap(({ name, uid }) => {
    const owner = lives.find((life) => life.uid === uid);
    return owner !== undefined && isFinished(owner)
      ? []
      : [`I3: ${name} is stored, but belongs to no finished PgBackup`];
  });
}

function statesAfterTheEnd({ lives }: Seen): string[] {
  return lives.flatMap(({ name, states }) => {
    const end = states.findIndex(({ state }) => state === 'success' || state === 'error');
    if (end === -1 || end === states.length - 1) return [];
    const path = states.map(({ state, finishTime }) => `${state} ${finishTime ?? ''}`.trim());
    return [`I4: ${name} left a terminal state: ${path.join(' → ')}`];
  });
}

function unfinishedBackups({ lives }: Seen): string[] {
  return lives
    .filter((life) => isThere(life) && !isFinished(life))
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
function newestNotKept({ lives, manager, stored }: Seen): string[] {
  const names = new Set(stored.map(({ name }) => name));
  return provenNames(lives)
    .slice(-manager.spec.backup.numberToRetain)
    .filter((name) => !names.has(name))
    .map((name) => `I6: ${name} is one of the newest proven backups and is gone`);
}

/** Only a rotation that says that it is done can be held to the number. */
function tooManyKept({ lives, manager, stored }: Seen): string[] {
  const { numberToRetain } = manager.spec.backup;
  const { backup, rotation } = manager.status.conditions;
  if (rotation?.status !== 'ok' || rotation.servedBackup !== backup?.lastSuccess?.uid) return [];
  const proven = new Set(provenNames(lives));
  const kept = stored.filter(({ name }) => proven.has(name)).length;
  return kept <= numberToRetain ? [] : [`I6: ${kept} proven backups are stored, numberToRetain is ${numberToRetain}`];
}

function prunedButStored({ lives, stored }: Seen): string[] {
  return lives
    .filter((life) => life.deleted && isSuccess(life) && stored.some(({ uid }) => uid === life.uid))
    .map(({ name }) => `I6: ${name} was removed although its backup is stored`);
}

/** The log holds five. */
function notOnceInTheLog({ lives, manager }: Seen): string[] {
  const log = manager.status.conditions.backup?.log ?? [];
  if (lives.length > 5) return [];
  return lives
    .filter(isThere)
    .filter(isFinished)
    .flatMap(({ name }) => {
      const count = log.filter((run) => run.name === name).length;
      return count === 1 ? [] : [`I7: ${name} is in the history of the manager ${count} times`];
    });
}

function timersLeft({ timers }: Seen): string[] {
  return timers.filter((name) => !name.startsWith('aidboxops-slot-')).map((name) => `I7: timer ${name} is left`);
}

function secretsShown({ secret, texts }: Seen): string[] {
  return texts.includes(secret) ? ['I9: a secret can be read'] : [];
}

function endsNotAnnounced({ announced, lives }: Seen): string[] {
  const ids = new Set(announced.map(({ id }) => id));
  return lives.filter(isFinished).flatMap(({ name, status, uid }) => {
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
function eventsNotOnce({ events, lives }: Seen): string[] {
  return lives
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

function provenNames(lives: readonly Life[]): string[] {
  return lives
    .filter(isSuccess)
    .flatMap(({ status }) => status.backup?.name ?? [])
    .sort();
}

function isThere({ deleted }: Life): boolean {
  return !deleted;
}

function isSuccess({ status }: Life): boolean {
  return status.state === 'success';
}

function isFinished({ status }: Life): boolean {
  return status.state === 'success' || status.state === 'error';
}

function repeated(items: readonly string[]): string[] {
  return [...new Set(items.filter((item, at) => items.indexOf(item) !== at))];
}
