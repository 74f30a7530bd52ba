/** When which function is busy on a day with one PgManager. */
import type { FunctionName } from './functions.ts';
import { steady } from './ledger.ts';
import { day, play } from './script.ts';

/** One activation. */
export interface Activity {
  readonly function: FunctionName;
  /** `slot` is everything that comes of the manager's slot. */
  readonly cause: 'sweep' | 'probe' | 'slot';
  /** Seconds of the day. */
  readonly begin: number;
  readonly end: number;
}

/** All activations of the third day: one slot, whose backup takes `seconds` of wal-g, and the deletion of one backup. */
export async function activationsOfDay(seconds = 4): Promise<readonly Activity[]> {
  const activities: Activity[] = [];
  const delivered = new Map<string, number>();
  const { violations } = await play({
    days: 3,
    prepare({ scheduler, walG }, eventing) {
      Object.assign(walG, { random: steady(seconds), slow: 0 });
      const start = scheduler.now() / 1000 + 2 * day;
      const time = (): number => scheduler.now() / 1000 - start;
      scheduler.at(start * 1000, () => void (eventing.quiet.watchful = true));
      const deliver = eventing.quiet.delivered.bind(eventing.quiet);
      const handled = eventing.handled.bind(eventing);
      eventing.quiet.delivered = (event) => {
        delivered.set(event.id, time());
        deliver(event);
      };
      eventing.handled = (activation, answer) => {
        const { event, name } = activation;
        const [begin, end] = [delivered.get(event.id) ?? time(), time()];
        if (begin >= 0 && begin < day) activities.push({ function: name, cause: causeOf(event), begin, end });
        handled(activation, answer);
      };
    },
  });
  if (violations.length > 0) throw new Error(violations.map(({ text }) => text).join('\n'));
  return activities;
}

function causeOf(event: { readonly type: string; readonly [name: string]: unknown }): Activity['cause'] {
  const [, walk] = /^pg\.aidbox\.(sweep|probe)\.page\.v1$/.exec(event.type) ?? [];
  const purpose = walk ?? event['pgpurpose'];
  return purpose === 'sweep' || purpose === 'probe' ? purpose : 'slot';
}
