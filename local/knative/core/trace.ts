/** What the stand-ins report while events flow: attempts, processes, losses. */

/** The attributes of an event that identify it; `extensions` are all others but data, as text. */
export interface EventSummary {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject?: string | undefined;
  readonly extensions: Readonly<Record<string, string>>;
}

/** A Broker accepted an event (it answers 202) and will deliver it to these Triggers. */
export interface EventAccepted {
  readonly kind: 'event';
  readonly broker: string;
  readonly event: EventSummary;
  readonly triggers: readonly string[];
}

/**
 * One attempt to deliver an event to the subscriber of a Trigger. `status` 0 means no answer (`error` says why);
 * `attempt` counts from 1; `retryInMs` is set when another attempt follows.
 */
export interface Delivery {
  readonly kind: 'delivery';
  readonly event: EventSummary;
  readonly trigger: string;
  readonly function: string;
  readonly status: number;
  readonly durationMs: number;
  readonly attempt: number;
  readonly retryInMs?: number | undefined;
  readonly error?: string | undefined;
}

/** The processes of a function went from `from` to `to`; `detail` says how one ended or why it could not start. */
export interface ProcessChange {
  readonly kind: 'process';
  readonly function: string;
  readonly state: 'starting' | 'running' | 'stopping' | 'ended' | 'failed';
  readonly from: number;
  readonly to: number;
  readonly pid?: number | undefined;
  readonly detail?: string | undefined;
}

/** All attempts for a Trigger failed; `to` is the dead letter sink, undefined when there is none: the event is lost. */
export interface DeadLetter {
  readonly kind: 'dead-letter';
  readonly event: EventSummary;
  readonly trigger: string;
  readonly to?: string | undefined;
  readonly code: number;
}

/** A source gave up an event after its few retries; nobody gets it. */
export interface EventLost {
  readonly kind: 'lost';
  readonly event: EventSummary;
  readonly status: number;
  readonly reason: string;
}

/** A stand-in could not do its work on an object and will try again. */
export interface Trouble {
  readonly kind: 'trouble';
  readonly what: string;
  readonly message: string;
}

/** Everything the stand-ins report. */
export type TraceEvent = EventAccepted | Delivery | ProcessChange | DeadLetter | EventLost | Trouble;
