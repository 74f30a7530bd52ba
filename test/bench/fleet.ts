/** What an installation looks like that has been at work for a while: everything settled, made by the product's own decisions. */
import type { UnixSeconds } from '../../functions/domain/time.ts';
import { rfc3339 } from '../../functions/domain/time.ts';
import { buildPgBackup } from '../../functions/schedule/slot-backup.ts';
import { buildPingSource } from '../../functions/domain/commands/ping-source.ts';
import type { Command } from '../../functions/domain/commands/command.ts';
import type { Manifest } from '../../functions/domain/resources/manifest.ts';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { decide } from '../../functions/schedule/decide.ts';
import { aManager, type ManagerBuilder } from '../support/situations/objects.ts';

/** Seconds before now at which the last slot was. */
const sinceSlot = 12 * 3_600;
const day = 86_400;
/** 2022-01-01T00:00:00Z */
const firstDay = 1_640_995_200;

interface Settled {
  readonly manager: Manifest;
  readonly timer: Manifest;
}

/** Manager `number` of its own StatefulSet, in one of a hundred namespaces, with nothing to do at `now`. */
export function settledManager(number: number, now: UnixSeconds): Settled {
  const builder = workedManager(number, now);
  const status = commandsFor(builder.build(), now).find((command) => command.type === 'applyStatus')?.status;
  const { schedule = {} } = (status ?? {}) as { schedule?: Readonly<Record<string, unknown>> };
  const settled = builder.schedule(schedule);
  const timer = commandsFor(settled.build(), now).find((command) => command.type === 'applyTimer');
  if (timer === undefined) throw new Error('a settled manager has a timer');
  return { manager: stored(settled.object()), timer: stored(buildPingSource(timer.timer)) };
}

/** The PgBackup of the manager's slot so many days ago, ended and told. */
export function finishedBackup(manager: PgManager, daysAgo: number, now: UnixSeconds): Manifest {
  const slot = lastSlot(now) - daysAgo * day;
  const backup = buildPgBackup(manager, slot);
  const pod = `${manager.spec.selector.name}-0`;
  return stored({
    ...backup,
    status: {
      announced: 'success',
      backup: {
        compressedSize: 1_503_238_553,
        finishLSN: '0/21000138',
        name: 'base_000000010000000000000020',
        startLSN: '0/20000028',
        systemIdentifier: '7123456789012345678',
        uncompressedSize: 5_368_709_120,
        walgVersion: 'v1.1',
      },
      duration: '6m02s',
      executor: {
        boot: 'f2f0e7c4-5a1e-4b1f-9c58-0f5f4d6a7e11',
        containerID: `containerd://${'c'.repeat(64)}`,
        deadline: rfc3339(slot + 43_200),
        directory: '/PgBackup',
        host: pod,
        notAfter: rfc3339(slot + 600),
        pod,
        podUID: '6e0b1d0f-9f0e-4f57-8d0c-1f0a52d3b2a1',
        postmaster: '1',
        postmasterStartTime: rfc3339(slot - day),
        ticks: '123456',
        timeoutSeconds: 43_200,
      },
      finishTime: rfc3339(slot + 362),
      message: `Job finished in 362 seconds.\n${'  INFO: 2022/01/02 06:00:14 Finished writing part 1.\n'.repeat(20)}`,
      size: '1.4 GiB',
      startTime: rfc3339(slot),
      state: 'success',
    },
  });
}

function workedManager(number: number, now: UnixSeconds): ManagerBuilder {
  const slot = lastSlot(now);
  const name = `m-${number}`;
  const run = { finishTime: rfc3339(slot + 362), startTime: rfc3339(slot), state: 'success' };
  const log = Array.from({ length: 5 }, (_, at) => ({ ...run, name: `${name}-backup-${at}` }));
  return aManager(name)
    .in(`ns-${number % 100}`)
    .uid(uidOf(number))
    .of(`pg-${number}`)
    .at(rfc3339(slot).slice(11, 19))
    .created(slot - day)
    .schedule({ at: rfc3339(slot).slice(11, 19), suspended: false, since: rfc3339(slot), lastSlot: rfc3339(slot) })
    .condition('backup', {
      status: 'ok',
      message: 'base_000000010000000000000020 stored and restorable, 1.4 GiB',
      lastSuccess: { name: `${name}-backup-0`, uid: uidOf(number), finishTime: run.finishTime },
      log,
    })
    .condition('rotation', {
      status: 'ok',
      servedBackup: uidOf(number),
      announced: `${uidOf(number)}-1`,
      message: '30 stored, 1 deleted (base_000000010000000000000003)',
      log: log.map(({ name: id, ...times }) => ({ ...times, id })),
    })
    .condition('storage', { status: 'ok', state: 'available', message: 'ok', since: run.finishTime, failures: 0 });
}

function lastSlot(now: UnixSeconds): UnixSeconds {
  return now - sinceSlot;
}

function uidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function commandsFor(manager: PgManager, now: UnixSeconds): readonly Command[] {
  return decide({ now, manager, ticked: false, sameSelector: [manager], ownBackups: new Set() }).commands;
}

/** As etcd has it: the API server adds the version. */
function stored(object: object): Manifest {
  const manifest = object as Manifest;
  const made = { creationTimestamp: rfc3339(firstDay), generation: 1, uid: crypto.randomUUID() };
  return { ...manifest, metadata: { ...made, ...manifest.metadata, resourceVersion: undefined } };
}
