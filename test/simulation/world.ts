/** Everything that a simulation consists of, and what each part may ask of the others. */
import { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { ApiModel } from '../support/api-model.ts';
import { createApiServer } from './api-server.ts';
import type { Database } from './database.ts';
import { createRandom, type Random } from './random.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createTruth, type Oracle } from './oracle.ts';
import type { WalG } from './wal-g.ts';

/** How likely things go wrong by chance. All 0 once the faults are over. */
export interface Noise {
  /** An event is lost on its way, comes twice, or comes late (up to 3 min). */
  loss: number;
  duplicate: number;
  late: number;
  /** A function dies before or after one effect. */
  crash: number;
  /** The API server answers an error, or its answer is lost after the effect. */
  transient: number;
  /** An exec is cut before or after its effect; a start arrives minutes later. */
  cut: number;
  lateStart: number;
  /** wal-g fails for no visible reason. */
  failures: number;
}

export const silence: Noise = {
  loss: 0,
  duplicate: 0,
  late: 0,
  crash: 0,
  transient: 0,
  cut: 0,
  lateStart: 0,
  failures: 0,
};

/** What is down as a whole. */
export interface Outages {
  api: boolean;
  broker: boolean;
  /** Knative's adapters: their events are lost. */
  watch: boolean;
  pings: boolean;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly api: ApiModel;
  readonly random: Random;
  readonly walG: WalG;
  /** `namespace/pod` → database. */
  readonly databases: Map<string, Database>;
  readonly noise: Noise;
  readonly outages: Outages;
  readonly oracle: Oracle;
  /** Most objects a list answers, whatever was asked for. */
  pageCap: number;
  /** Deliveries lost with the broker's memory: those of an older epoch. */
  brokerEpoch: number;
  /** Rises with everything outside of the API server that a function could notice. */
  changes: number;
  /** When the newest action that can hold up a stop was, or the end of one. */
  disturbed: number;
  /** Crash the function at this effect: called before and after each. */
  saboteur: (moment: 'before' | 'after', effect: string) => boolean;
  readonly trace: string[];
  note(text: string, detail?: unknown): void;
  violated(invariant: number, text: string): void;
  readonly violations: Violation[];
}

export interface Violation {
  readonly invariant: number;
  readonly text: string;
  readonly time: number;
}

export interface WorldOptions {
  readonly seed: number;
  /** Unix seconds. */
  readonly start: number;
  readonly traced: boolean;
}

export function createWorld({ seed, start, traced }: WorldOptions): World {
  const scheduler = createScheduler(start * 1000);
  const api = createApiServer(scheduler, createRandom(seed, 'api'), (text) => world.oracle.seen.add(text));
  const trace: string[] = [];
  const violations: Violation[] = [];
  const note = (text: string, detail?: unknown): void => {
    world.changes += 1;
    if (!traced) return;
    const more = detail === undefined ? '' : `: ${JSON.stringify(detail)}`;
    trace.push(`${new Date(scheduler.now()).toISOString().slice(0, 23)} ${text}${more}`);
  };
  const world: World = {
    scheduler,
    api,
    random: createRandom(seed, 'events'),
    walG: {
      scheduler,
      random: createRandom(seed, 'wal-g'),
      failures: 0,
      slow: 0.06,
      recorder: {
        began: (database, run) => world.oracle.began(database, run),
        deletes: (database, doomed) => world.oracle.deletes(database, doomed),
        stops: (database, run) => world.oracle.stops(database, run),
        ended: (database, run) => world.oracle.ended(database, run),
        note,
      },
    },
    databases: new Map(),
    noise: { ...silence },
    outages: { api: false, broker: false, watch: false, pings: false },
    oracle: undefined as never,
    pageCap: 500,
    brokerEpoch: 0,
    changes: 0,
    disturbed: 0,
    saboteur: () => false,
    trace,
    note,
    violations,
    violated: (invariant, text) => {
      if (violations.some((known) => known.invariant === invariant && known.text === text)) return;
      violations.push({ invariant, text, time: scheduler.now() });
      note(`INVARIANT I${invariant} BROKEN: ${text}`);
    },
  };
  Object.assign(world, { oracle: createTruth(world) });
  return world;
}

/** Returns all PgBackups, oldest first. */
export function backupsIn({ api }: World): PgBackup[] {
  return api.all('pgbackups').map((object) => PgBackup.parse(object));
}

/** Returns all PgManagers, oldest first. */
export function managersIn({ api }: World): PgManager[] {
  return api.all('pgmanagers').map((object) => PgManager.parse(object));
}
