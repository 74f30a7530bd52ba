/** The matrix: which fault meets which function at which moment, and how that must end. Data only. */
import type { FaultName } from './faults.ts';
import type { MomentName } from './moments.ts';
import type { ScenarioName } from './fixture.ts';

/** One scenario with one fault. */
export interface Case {
  readonly function: ScenarioName;
  readonly fault: FaultName;
  readonly moment: MomentName;
  /** How it may end; more than one where the fault and the end of the work race. */
  readonly expected: readonly string[];
  /** Tells random cases apart. */
  readonly round?: number;
}

const stored = ['success'];
const rotated = ['rotation ok'];
const available = ['storage available'];
const restarted = ['error InitializationError'];

/** Everything, in the order in which it is run within a lane. */
export const cases: readonly Case[] = [
  ...row('schedule', "before the slot's timer", {
    'Broker restarted': stored,
    'API server restarted': stored,
    'events lost': stored,
  }),
  ...row('schedule', 'before the slot', {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
  }),
  ...row('schedule', "at the slot's create", {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
    'exec refused': stored,
    'PostgreSQL restarted': [...stored, ...restarted],
  }),
  ...row('schedule', 'throughout', {
    'events ×10, reordered': stored,
    'two copies': stored,
    'every function killed': stored,
  }),

  ...row('backup', 'at its start', {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
    'exec refused': stored,
  }),
  ...row('backup', 'in mid-backup', {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
    'exec refused': stored,
    'events lost': stored,
    'PostgreSQL restarted': restarted,
    'storage gone': ['error WalgError'],
  }),
  ...row('backup', "at wal-g's end", {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
    'exec refused': stored,
    // What wal-g had finished before the restart can be proved afterwards.
    'PostgreSQL restarted': [...stored, ...restarted],
    'storage gone': stored,
  }),
  ...row('backup', 'at its end in status', {
    'function killed': stored,
    'Broker restarted': stored,
    'API server restarted': stored,
  }),
  ...row('backup', 'throughout', {
    'events ×10, reordered': stored,
    'events lost': stored,
    'two copies': stored,
    'every function killed': stored,
  }),

  ...row('rotation', 'at its start', {
    'function killed': rotated,
    'Broker restarted': rotated,
    'API server restarted': rotated,
  }),
  ...row('rotation', 'during rotation', {
    'function killed': rotated,
    'Broker restarted': rotated,
    'API server restarted': rotated,
    'exec refused': rotated,
    'PostgreSQL restarted': [...rotated, 'rotation error'],
    'storage gone': [...rotated, 'rotation error'],
  }),
  ...row('rotation', 'throughout', {
    'events ×10, reordered': rotated,
    'events lost': rotated,
    'two copies': rotated,
  }),

  ...row('storage', 'during the probe', {
    'function killed': available,
    'Broker restarted': available,
    'API server restarted': available,
    'exec refused': available,
    'PostgreSQL restarted': available,
    'storage gone': available,
  }),
  ...row('storage', 'throughout', {
    'events ×10, reordered': available,
    'events lost': available,
    'two copies': available,
  }),

  ...[1, 2, 3, 4, 5, 6].map((round): Case => ({
    function: 'rotation',
    fault: 'any function killed, thrice',
    moment: 'throughout',
    expected: rotated,
    round,
  })),
];

function row(
  scenario: ScenarioName,
  moment: MomentName,
  faults: Partial<Record<FaultName, readonly string[]>>,
): readonly Case[] {
  return Object.entries(faults).map(([fault, expected]) => ({
    function: scenario,
    fault: fault as FaultName,
    moment,
    expected,
  }));
}

/** As `--only` and the table have it. */
export function titleOf({ function: scenario, fault, moment, round }: Case): string {
  return `${scenario}: ${fault}, ${moment}${round === undefined ? '' : ` (${round})`}`;
}
