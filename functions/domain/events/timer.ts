/** Timers: PingSources that wake a function while something is unfinished. Desired state only; commands/ping-source.ts makes the object. */

import type { UnixSeconds } from '../time.ts';

/** What a timer is for; the event attribute `pgpurpose` that Triggers filter on. */
export type TimerPurpose = 'slot' | 'backup' | 'rotation';

export interface Timer {
  readonly purpose: TimerPurpose;
  readonly owner: {
    readonly apiVersion: string;
    readonly kind: 'PgManager' | 'PgBackup';
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
  };
  /** Six fields with seconds first, UTC. `@every` is refused by Knative. */
  readonly schedule: string;
  /** What the function needs to find the object; it is never an order. */
  readonly data: Readonly<Record<string, string>>;
}

/** `aidboxops-slot-<owner uid>`: a recreated owner has another uid, so its timer another name. */
export function timerName(purpose: TimerPurpose, ownerUid: string): string {
  return `aidboxops-${purpose}-${ownerUid}`;
}

/** Seconds by which a slot's timer is ahead of its slot: two functions may have to start from zero meanwhile. */
export const slotLead = 4;

/** Daily, `slotLead` before `HH:MM:SS`. */
export function dailySchedule(at: string): string {
  const [hours = 0, minutes = 0, seconds = 0] = at.split(':').map(Number);
  const second = (hours * 3600 + minutes * 60 + seconds - slotLead + 86_400) % 86_400;
  return `${second % 60} ${Math.floor(second / 60) % 60} ${Math.floor(second / 3600)} * * *`;
}

/** Type of the events that timers send. */
export const tickType = 'dev.knative.sources.ping';

/** No timer is made for so near a time (seconds): the activation that would make it is still at work, and the two would meet. */
const headStart = 15;

/**
 * Every 30 s, for the first time 15 to 30 s after `since`; the second comes from the owner's uid, so that many owners do
 * not fire together.
 */
export function halfMinuteSchedule(ownerUid: string, since: UnixSeconds): string {
  let hash = 0;
  for (const character of ownerUid) hash = (hash * 31 + character.charCodeAt(0)) % (30 - headStart);
  const second = (since + headStart + hash) % 30;
  return `${second},${second + 30} * * * * *`;
}
