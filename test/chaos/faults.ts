/** What goes wrong. Each fault is done to the real part, and gives the way to mend it. */
import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { killEveryFunction, killFunction } from './functions.ts';
import { isAbout } from './interference.ts';
import { startSecondReplica } from './second-replica.ts';
import type { Fixture } from './fixture.ts';

/** Takes the fault away. */
export type Mend = () => Promise<void> | void;

export interface FaultKind {
  /** Hits parts that all cases share: nothing else is run meanwhile. */
  readonly isShared: boolean;
  /** How long it lasts before it is mended (seconds), or until the case is quiet. */
  readonly lasts: number | 'to the end';
  /** Gives the way to mend it, unless it is over at once. */
  strike(fixture: Fixture): Mend | Promise<Mend | void>;
}

export type FaultName = keyof typeof faults;

export const faults = {
  'function killed': {
    isShared: false,
    lasts: 0,
    strike: ({ environment, function: name }) => killFunction(environment, name),
  },
  'every function killed': {
    isShared: true,
    lasts: 15,
    /** Again and again, every few seconds. */
    strike({ environment, random }) {
      return repeatedly(
        () => random.between(1_500, 4_000),
        () => killEveryFunction(environment).length > 0,
      );
    },
  },
  'any function killed, thrice': {
    isShared: true,
    lasts: 12,
    strike({ environment, random }) {
      let left = 3;
      return repeatedly(
        () => random.between(0, 4_000),
        () => {
          const running = environment.functions().filter(({ pid }) => pid !== undefined);
          if (left === 0 || running.length === 0) return false;
          left -= 1;
          process.kill(random.pick(running).pid!, 'SIGKILL');
          return true;
        },
      );
    },
  },
  'Broker restarted': {
    isShared: true,
    lasts: 0,
    strike: ({ environment }) => environment.restartBroker(2_000),
  },
  'API server restarted': {
    isShared: true,
    lasts: 0,
    strike: ({ environment }) => environment.restartApiServer(),
  },
  'exec refused': {
    isShared: true,
    lasts: 5,
    strike({ kubelet }) {
      kubelet.refuse();
      return () => kubelet.allow();
    },
  },
  'PostgreSQL restarted': {
    isShared: false,
    lasts: 0,
    async strike({ cluster }) {
      const { containerId, pid } = cluster.running();
      process.kill(pid, 'SIGINT');
      await eventually('PostgreSQL again', async () => {
        const again = cluster.running();
        if (again.containerId === containerId) return undefined;
        return (await again.sql('select 1')).length;
      });
    },
  },
  'storage gone': {
    isShared: false,
    lasts: 5,
    strike({ prefix }) {
      const away = `${prefix}.gone`;
      renameSync(prefix, away);
      // Else wal-g would make the directory anew.
      mkdirSync(prefix, { mode: 0 });
      return () => {
        rmdirSync(prefix);
        renameSync(away, prefix);
      };
    },
  },
  /** Ticks, changes and our own events alike, as far as they are for this function and about this namespace. */
  'events lost': {
    isShared: true,
    lasts: 12,
    strike({ function: name, interference, namespace }) {
      return interference.add((event, trigger) =>
        trigger.startsWith(`${name}-`) && isAbout(event, namespace) ? 'drop' : undefined,
      );
    },
  },
  'events ×10, reordered': {
    isShared: true,
    lasts: 'to the end',
    strike({ interference, namespace, random }) {
      const delays = (): number[] => Array.from({ length: 10 }, () => random.between(0, 6_000));
      return interference.add((event) => (isAbout(event, namespace) ? delays() : undefined));
    },
  },
  'two copies': {
    isShared: true,
    lasts: 'to the end',
    async strike({ environment, function: name, interference }) {
      const replica = await startSecondReplica(environment, name);
      const part = interference.add((event, trigger) => {
        if (trigger.startsWith(`${name}-`)) replica.hand(event);
        return undefined;
      });
      return async () => {
        part();
        await replica.stop();
      };
    },
  },
} satisfies Readonly<Record<string, FaultKind>>;

/** Does something after each wait until it is mended; mending fails when it never hit anything. */
function repeatedly(wait: () => number, strike: () => boolean): Mend {
  const ending = new AbortController();
  let hits = 0;
  const done = (async () => {
    while (!ending.signal.aborted) {
      await pause(wait(), undefined, { signal: ending.signal }).catch(() => undefined);
      if (!ending.signal.aborted && strike()) hits += 1;
    }
  })();
  return async () => {
    ending.abort();
    await done;
    if (hits === 0) throw new Error('the fault never struck');
  };
}
