/** Bugs that the simulation has to find: each is a patch of one or two sources, applied when they are loaded. */

export interface Patch {
  readonly file: string;
  /** Occurs exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface PlantedBug {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Invariants that may break first. */
  readonly breaks: readonly number[];
  /** It is found within so many seeds. */
  readonly within: number;
  /** Found it last: tried first. */
  readonly seed: number;
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'cursor moved before the PgBackup is created',
    patches: [
      {
        file: 'functions/schedule/decide.ts',
        from: `        ...(verdict.create === undefined ? [] : [createBackup(manager, verdict.create)]),
        applySchedule(manager, schedule),`,
        to: `        applySchedule(manager, schedule),
        ...(verdict.create === undefined ? [] : [createBackup(manager, verdict.create)]),`,
      },
    ],
    breaks: [1],
    within: 300,
    seed: 61,
  },
  {
    name: 'announced before it is published',
    patches: [
      {
        file: 'functions/backup/announce.ts',
        from: `    {
      type: 'post',
      events: pending.map((transition) => cloudEvent(backup, transition)),
      then: [
        applyBackupStatus(backup, { ...backup.status, announced: announced as 'started' | 'success' | 'error' }),`,
        to: `    applyBackupStatus(backup, { ...backup.status, announced: announced as 'started' | 'success' | 'error' }),
    {
      type: 'post',
      events: pending.map((transition) => cloudEvent(backup, transition)),
      then: [`,
      },
    ],
    breaks: [10],
    within: 300,
    seed: 7,
  },
  {
    name: 'a failed PgBackup is taken for unfinished',
    patches: [
      {
        file: 'functions/domain/resources/backup-state.ts',
        from: `return backup.status.state === 'success' || backup.status.state === 'error';`,
        to: `return backup.status.state === 'success';`,
      },
    ],
    breaks: [1, 4, 5, 7, 10],
    within: 50,
    seed: 2,
  },
  {
    name: 'a stale write is accepted',
    patches: [
      {
        file: 'functions/platform/reconcile/apply.ts',
        from: `return { name, namespace, uid, resourceVersion };`,
        to: `return { name, namespace, uid, ...(resourceVersion === '' ? { resourceVersion } : {}) } as Incarnation;`,
      },
      {
        file: 'test/support/api-model.ts',
        from: `if (old.kind !== 'PgBackup' || !isFinal(old)) return;`,
        to: `if (old.kind !== '') return;`,
      },
    ],
    breaks: [1, 3, 4, 5, 10],
    within: 300,
    seed: 2,
  },
  {
    name: 'the lock is not released',
    patches: [
      {
        file: 'test/simulation/wal-g.ts',
        from: `const free = (): void => void (database.lock === alive && (database.lock = undefined));`,
        to: `const free = (): void => void (code !== 0 && (database.lock = undefined));`,
      },
    ],
    breaks: [5, 7],
    within: 50,
    seed: 1,
  },
  {
    name: 'an orphan is not stopped',
    patches: [
      {
        file: 'functions/backup/start.ts',
        from: `if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return [];
  if`,
        to: `if (open.length >= 0) return [];
  if`,
      },
    ],
    breaks: [5],
    within: 400,
    seed: 2,
  },
  {
    name: 'a start that arrives late is not refused',
    patches: [
      {
        file: 'test/simulation/runner-model.ts',
        from: `return now > notAfter ? 'not-after' : undefined;`,
        to: `return now < 0 ? 'not-after' : undefined;`,
      },
      {
        file: 'test/simulation/runner-model.ts',
        from: `const own = files?.startedAt;`,
        to: `const own = now < 0 ? files?.startedAt : undefined;`,
      },
    ],
    breaks: [1, 2],
    within: 400,
    seed: 6,
  },
  {
    name: 'success on exit code 0 alone',
    patches: [
      {
        file: 'functions/domain/catalogue/proof.ts',
        from: `if (entry === undefined) return absentOrHidden(entries, claim, answer.error);`,
        to: `if (entry === undefined) return entries[0] === undefined ? { verdict: 'absent' } : { verdict: 'proved', entry: entries[0] };`,
      },
    ],
    breaks: [3],
    within: 300,
    seed: 7,
  },
  {
    name: 'success without WAL',
    patches: [
      {
        file: 'functions/domain/catalogue/proof.ts',
        from: `return segment === undefined ? undefined :`,
        to: `return segment !== '' ? undefined :`,
      },
    ],
    breaks: [3],
    within: 300,
    seed: 7,
  },
  {
    name: 'unproven backups count',
    patches: [
      {
        file: 'functions/rotation/retention.ts',
        from: `if (owner === undefined || ownershipOf(stored, entry) !== 'ours' || !stored.proven.has(owner.uid)) return false;`,
        to: `if (owner === undefined || ownershipOf(stored, entry) !== 'ours') return false;`,
      },
    ],
    breaks: [6],
    within: 300,
    seed: 7,
  },
  {
    name: 'one too few is kept',
    patches: [
      {
        file: 'functions/rotation/retention.ts',
        from: `[Math.max(1, retain) - 1]`,
        to: `[Math.max(1, retain - 1) - 1]`,
      },
    ],
    breaks: [6],
    within: 50,
    seed: 2,
  },
  {
    name: 'what is not ours is deleted unasked',
    patches: [
      {
        file: 'functions/rotation/refusals.ts',
        from: `if (stored.adopt || inTheWay`,
        to: `if (!stored.adopt || inTheWay`,
      },
    ],
    breaks: [6],
    within: 400,
    seed: 22,
  },
  {
    name: 'a forged delete event stops a live run',
    patches: [
      {
        file: 'functions/backup/handler.ts',
        from: `    if (target === undefined) return ignored;`,
        to: `    if (target === undefined) return ignored;
    const gone = (event.data as { metadata?: { uid?: string } }).metadata?.uid;
    const pod = { namespace: target.namespace, pod: target.statefulSet + '-0', container: 'postgres' };
    if (target.deleted && gone !== undefined) await effects.runner.stop(pod, { id: gone, kind: 'backup', dir: '/PgBackup' });`,
      },
    ],
    breaks: [7],
    within: 400,
    seed: 7,
  },
  {
    name: 'AlreadyExists is taken for created',
    patches: [
      {
        file: 'functions/platform/reconcile/apply.ts',
        from: `return done === 'created' ? 'applied' : 'conflict';`,
        to: `return done === 'created' ? 'applied' : 'applied';`,
      },
      {
        file: 'functions/schedule/gather.ts',
        from: `    run === undefined || !afterConflict
      ? undefined`,
        to: `    run !== 0 || !afterConflict
      ? undefined`,
      },
    ],
    breaks: [1],
    within: 400,
    seed: 55,
  },
  {
    name: 'no timers, no hints',
    patches: [
      {
        file: 'functions/platform/reconcile/apply.ts',
        from: `  const desired = buildPingSource(timer);`,
        to: `  if (timer.schedule !== '') return 'applied';
  const desired = buildPingSource(timer);`,
      },
      {
        file: 'functions/schedule/sweep.ts',
        from: `    await effects.sink.post(event);`,
        to: `    await Promise.resolve(event);`,
      },
    ],
    breaks: [5, 10],
    within: 50,
    seed: 1,
  },
  {
    name: 'the sweep stops after its first page',
    patches: [
      {
        file: 'functions/platform/reconcile/paging.ts',
        from: `next === undefined ? undefined : paging.effects.sink.post`,
        to: `next?.page !== 0 ? undefined : paging.effects.sink.post`,
      },
    ],
    breaks: [1, 5, 10],
    within: 400,
    seed: 84,
  },
  {
    name: 'missed slots are not recorded',
    patches: [
      {
        file: 'functions/schedule/decide.ts',
        from: `const tooLate = missedPeriod(late, manager`,
        to: `const tooLate = missedPeriod(late.slice(0, 0), manager`,
      },
    ],
    breaks: [1],
    within: 100,
    seed: 1,
  },
  {
    name: 'a name that is taken counts as run',
    patches: [
      {
        file: 'functions/schedule/decide.ts',
        from: `return backup.metadata.labels[label.managerUid] === manager.metadata.uid;`,
        to: `return backup.metadata.labels[label.managerUid] !== manager.kind;`,
      },
    ],
    breaks: [1],
    within: 400,
    seed: 55,
  },
  {
    name: '`now` is read twice',
    patches: [
      {
        file: 'functions/schedule/handler.ts',
        from: `  return async (event) => {
`,
        to: `  return async (event) => {
    begun = effects.kube.serverTime()?.toUnixInteger() ?? 0;
`,
      },
      {
        file: 'functions/schedule/handler.ts',
        from: `const noWork: Outcome = {`,
        to: `let begun = 0;
const noWork: Outcome = {`,
      },
      {
        file: 'functions/schedule/handler.ts',
        from: `return gather(effects, manager, { ticked, sameSelector, afterConflict: !firstRound && previous === undefined });`,
        to: `const seen = await gather(effects, manager, { ticked, sameSelector, afterConflict: !firstRound && previous === undefined });
      return { ...seen, begun } as Observation;`,
      },
      {
        file: 'functions/schedule/decide.ts',
        from: `const verdict = judge(observation, decision);`,
        to: `const { begun = now } = observation as { begun?: number };
  const verdict = judge(observation, slotDecisionOf(manager, begun));`,
      },
    ],
    breaks: [1],
    within: 50,
    seed: 1,
  },
  {
    name: 'suspend is ignored',
    patches: [
      {
        file: 'functions/schedule/slots.ts',
        from: `const quiet = cursor.suspended || desired.suspended;`,
        to: `const quiet = cursor.suspended && desired.at === '';`,
      },
    ],
    breaks: [1],
    within: 400,
    seed: 22,
  },
  {
    name: 'PgBackups are pruned before the delete is verified',
    patches: [
      {
        file: 'functions/rotation/run.ts',
        from: `  if (left.length > 0) {`,
        to: `  if (left.length > 1_000_000) {`,
      },
      { file: 'functions/rotation/run.ts', from: `    deleted: gone,`, to: `    deleted: planned?.names ?? gone,` },
    ],
    breaks: [6],
    within: 400,
    seed: 98,
  },
  {
    name: 'timers are left behind',
    patches: [
      {
        file: 'functions/backup/announce.ts',
        from: `        ...(finished ? [{ type: 'removeTimer' as const, namespace, name: timerName('backup', uid) }] : []),`,
        to: `        ...(finished && namespace === '' ? [{ type: 'removeTimer' as const, namespace, name: timerName('backup', uid) }] : []),`,
      },
      {
        file: 'functions/backup/handler.ts',
        from: `if (isAnnounced(found.data)) {`,
        to: `if (!isAnnounced(found.data)) {`,
      },
    ],
    breaks: [7],
    within: 50,
    seed: 1,
  },
  {
    name: 'each probe writes',
    patches: [
      {
        file: 'functions/storage/changes.ts',
        from: `if (state === stored.state) return { since: stored.since, announced: stored.announced };`,
        to: `if (state === stored.state) return { since: rfc3339(now), announced: stored.announced };`,
      },
    ],
    breaks: [7],
    within: 50,
    seed: 1,
  },
  {
    name: 'secrets are not hidden',
    patches: [
      {
        file: 'functions/domain/text.ts',
        from: `return known.replace(longWord, (word) => (isRandom(word) ? '***' : word));`,
        to: `return known === '' || longWord.test('') || isRandom('') ? '' : text;`,
      },
    ],
    breaks: [9],
    within: 50,
    seed: 1,
  },
  {
    name: 'an id means two rotations',
    patches: [
      {
        file: 'functions/rotation/condition.ts',
        from: `const ids = [...(rotation.log ?? []).map(({ id }) => id), rotation.planned?.id, rotation.running?.id];`,
        to: `const ids = [rotation.log?.[0]?.id, rotation.planned?.id, rotation.running?.id];`,
      },
    ],
    breaks: [10],
    within: 400,
    seed: 266,
  },
  {
    name: 'another installation is not noticed',
    patches: [
      {
        file: 'functions/rotation/refusals.ts',
        from: `export const catalogueChecks = [severalDatabases, otherOwner, nameOrder];`,
        to: `export const catalogueChecks = [severalDatabases, nameOrder, otherOwner].slice(0, 2);`,
      },
    ],
    breaks: [6],
    within: 400,
    seed: 145,
  },
  {
    name: 'the backups of another cluster with the same names are ours',
    patches: [
      {
        file: 'functions/rotation/ownership.ts',
        from: `return owner.cluster === cluster ? 'ours' : 'other';`,
        to: `return owner.cluster === cluster || owner.cluster !== '' ? 'ours' : 'other';`,
      },
    ],
    breaks: [6],
    within: 400,
    seed: 28,
  },
];
