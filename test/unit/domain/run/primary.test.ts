/** What several pods say → the one to work in, or what each of them is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePrimary, type AskedPods } from '../../../../functions/domain/run/primary.ts';
import type { PodInspection, RunnerResult } from '../../../../functions/domain/run/observed-run.ts';
import type { Inspection } from '../../../../functions/domain/run/protocol.ts';
import { roleOf, type ServerFacts, type ServerRole } from '../../../../functions/domain/run/server-role.ts';
import { inspection } from '../../../support/situations/pod.ts';

const usual: ServerFacts = { live: true, single: false, status: 'ready', control: 6 };

const roles: Readonly<Record<string, readonly [Partial<ServerFacts>, ServerRole]>> = {
  'a live postmaster that is ready and in production': [{}, 'primary'],
  'H129 ready and in production by its files, and no postmaster lives': [{ live: false }, 'down'],
  'H70 archive recovery is what a standby does, with a signal file or without': [{ control: 5 }, 'standby'],
  'a standby that takes no connection': [{ control: 5, status: 'standby' }, 'standby'],
  'a standby that starts': [{ control: 5, status: 'starting' }, 'standby'],
  'H130 crash recovery, ready all the time': [{ control: 4 }, 'recovering'],
  'H130 the checkpoint at its end': [{ control: 3 }, 'recovering'],
  'H130 shut down, and ready': [{ control: 1 }, 'recovering'],
  'H71 starting after a crash': [{ control: 4, status: 'starting' }, 'starting'],
  'H71 the state of before the crash is still there': [{ status: 'starting' }, 'starting'],
  'H71 no word yet': [{ status: '' }, 'starting'],
  'shutting down while sessions end': [{ status: 'stopping' }, 'stopping'],
  'a standby that shuts down': [{ status: 'stopping', control: 5 }, 'stopping'],
  'repaired by a person': [{ live: false, single: true, status: '' }, 'singleUser'],
  'a control file that cannot be read': [{ control: undefined }, 'recovering'],
};

for (const [name, [facts, want]] of Object.entries(roles)) {
  test(name, () => {
    assert.equal(roleOf({ ...usual, ...facts }), want);
  });
}

type Said = RunnerResult<Inspection>;

const is = (role: ServerRole, shape: Partial<Inspection> = {}): Said => inspection({ role, ...shape });
const silent: Said = { ok: false, problem: { kind: 'timeout', message: 'no answer' } };
const unusable = is('down', { obstacle: { kind: 'WrongUser', detail: 'exec user 5 is not the owner' } });

function place(pod: string): PodInspection['container'] {
  return { pod, podUID: `uid-${pod}`, containerID: 'c' };
}

/** Ready pods a, b, c …, and others that are not ready. */
function pods(ready: readonly Said[], others: Readonly<Record<string, Said | undefined>> = {}): AskedPods {
  return {
    ready: ready.map((answer, at) => ({ container: place('abcdef'.charAt(at)), answer })),
    others: Object.entries(others).map(([pod, answer]) => ({
      pod,
      state: 'Pending: no room',
      inspection: answer && { container: place(pod), answer },
    })),
  };
}

interface Case {
  readonly asked: AskedPods;
  /** A pod, or how the message goes on. */
  readonly want: string;
}

const cases: Readonly<Record<string, Case>> = {
  'the primary among standbys': { asked: pods([is('standby'), is('primary')]), want: 'b' },
  'a silent pod vetoes nothing': { asked: pods([silent, is('primary')]), want: 'b' },
  'H70 a replica that is made anew vetoes nothing': { asked: pods([unusable, is('primary'), is('down')]), want: 'b' },
  'a pod that is not ready vetoes nothing, whatever it says': {
    asked: pods([is('primary')], { x: is('primary') }),
    want: 'a',
  },
  'a single pod is the one, whatever it is': { asked: pods([is('standby')]), want: 'a' },
  'a single silent pod too': { asked: pods([silent]), want: 'a' },
  'nobody answers: the first explains why': { asked: pods([silent, silent]), want: 'a' },
  'none can be worked in': { asked: pods([unusable, unusable]), want: 'a' },
  'H68 the primary is not ready': {
    asked: pods([is('standby'), is('standby')], { x: is('primary') }),
    want: 'noPrimary 2: a and b are standbys, x is not ready (Pending: no room; is the primary)',
  },
  'H68 the only ready pod is a standby': {
    asked: pods([is('standby')], { x: undefined }),
    want: 'noPrimary 1: a is a standby, x is not ready (Pending: no room)',
  },
  'H71 the primary recovers': {
    asked: pods([is('recovering'), is('standby')]),
    want: 'noPrimary 2: a is recovering, b is a standby',
  },
  'H129 PostgreSQL is held down beside a standby': {
    asked: pods([is('down', { signal: 'standby.signal' }), is('standby')]),
    want: 'noPrimary 2: a has no PostgreSQL that is up (standby.signal is there), b is a standby',
  },
  'a silent pod may be the primary, and is no reason to take a standby': {
    asked: pods([silent, is('standby')]),
    want: 'noPrimary 2: a does not answer, b is a standby',
  },
  'H69 two in production': {
    asked: pods([is('primary', { timeline: 3 }), is('primary', { timeline: 4 }), is('standby')]),
    want: 'severalPrimaries 2: a (timeline 3) and b (timeline 4)',
  },
  'H69 three in production, one of another time': {
    asked: pods([is('primary'), is('primary', { timeline: 1 }), is('primary', { timeline: 2 })]),
    want: 'severalPrimaries 3: a, b (timeline 1) and c (timeline 2)',
  },
};

for (const [name, { asked, want }] of Object.entries(cases)) {
  test(`chosen: ${name}`, () => {
    const { location, podInspection } = choosePrimary(asked);
    const said =
      location.found === 'noPrimary'
        ? `noPrimary ${location.ready}: ${location.who}`
        : location.found === 'severalPrimaries'
          ? `severalPrimaries ${location.count}: ${location.who}`
          : podInspection?.container.pod;
    assert.equal(said, want);
  });
}
