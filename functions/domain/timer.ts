/** Timers: PingSources that wake a function while something is unfinished. Desired state only; build/ping-source.ts makes the object. */

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
  /** What the function needs to know where to look; a hint, never an order. */
  readonly data: Readonly<Record<string, string>>;
}

/** `aidboxops-slot-<owner uid>`: a recreated owner has another uid, so its timer another name. */
export function timerName(purpose: TimerPurpose, ownerUid: string): string {
  return `aidboxops-${purpose}-${ownerUid}`;
}

/** Daily at `HH:MM:SS`. */
export function dailySchedule(at: string): string {
  const [hours, minutes, seconds] = at.split(':').map(Number);
  return `${seconds} ${minutes} ${hours} * * *`;
}

/** Every 30 s; the second comes from the owner's uid, so that many owners do not fire together. */
export function halfMinuteSchedule(ownerUid: string): string {
  let hash = 0;
  for (const character of ownerUid) hash = (hash * 31 + character.charCodeAt(0)) % 30;
  return `${hash},${hash + 30} * * * * *`;
}
