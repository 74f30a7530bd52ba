/** What the functions ask of others, effect by effect: the price of an activation. */
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** One call to the API server, exec, or post. */
export interface Effect {
  /** Seconds since 1970, virtual. */
  readonly at: number;
  readonly function: string;
  readonly kind: 'read' | 'write' | 'exec' | 'post';
  /** `list /apis/…`, `inspect`, `pg.aidbox.look.v1`. */
  readonly text: string;
}

/** How many of each kind. `requests` are reads and writes. */
export interface Cost {
  readonly requests: number;
  readonly writes: number;
  readonly execs: number;
  readonly posts: number;
}

/** Every effect from now on is entered; crashes that were planned still happen. */
export function keepLedger(world: World): readonly Effect[] {
  const effects: Effect[] = [];
  const { saboteur } = world;
  world.saboteur = (moment, effect) => {
    if (moment === 'before') effects.push(readEffect(world.scheduler.now() / 1000, effect));
    return saboteur(moment, effect);
  };
  return effects;
}

function readEffect(at: number, effect: string): Effect {
  const [name = '', verb = '', ...rest] = effect.split(' ');
  if (verb === 'exec' || verb === 'post') return { at, function: name, kind: verb, text: rest.join(' ') };
  const kind = verb === 'get' || verb === 'list' ? 'read' : 'write';
  return { at, function: name, kind, text: `${verb} ${rest.join(' ')}` };
}

export function costOf(effects: readonly Effect[]): Cost {
  const count = (...kinds: readonly Effect['kind'][]): number =>
    effects.filter(({ kind }) => kinds.includes(kind)).length;
  return { requests: count('read', 'write'), writes: count('write'), execs: count('exec'), posts: count('post') };
}

/** Chance without surprises, for wal-g: whatever takes from `low` to `high` takes `seconds`, as near as that allows. */
export function steady(seconds: number): Random {
  return {
    next: () => 0.3,
    between: (low, high) => Math.min(high, Math.max(low, seconds)),
    chance: (probability) => probability >= 1,
    pick: (items) => items[0]!,
  };
}
