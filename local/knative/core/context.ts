/** What all stand-ins share: the API server, the objects as last seen, the clock and the trace. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Kube } from '../../../functions/platform/kubernetes/client.ts';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import type { Addresses } from './destination.ts';
import type { CarriedEvent } from './events.ts';
import type { World } from './objects.ts';
import type { TraceEvent } from './trace.ts';

/**
 * What a test does to a delivery before it is tried: nothing, losing it silently, delivering it twice at once, or
 * delivering a copy after each of these times (milliseconds).
 */
export type Fault = 'deliver' | 'drop' | 'duplicate' | readonly number[];

/** Faults to inject; `trigger` is `namespace/name`. */
export interface Faults {
  onDelivery?(event: CarriedEvent, trigger: string): Fault;
  /** Returns true to keep a source from sending, as if its adapter were down; that leaves no trace. */
  losesFromSource?(event: CarriedEvent, sinkUri: string): boolean;
}

/** Passed as first argument to every part. */
export interface Context {
  readonly api: ApiClient;
  readonly kube: Kube;
  readonly world: World;
  readonly addresses: Addresses;
  readonly faults: Faults;
  /** All waits are multiplied by this; 1 is what Knative does. */
  readonly pace: number;
  /** Aborts when the stand-ins stop: no new work then. */
  readonly signal: AbortSignal;
  trace(traceEvent: TraceEvent): void;
}

/** Waits `ms` at the pace of this environment; rejects when the stand-ins stop. */
export function wait(context: Context, ms: number): Promise<void> {
  return pause(ms * context.pace, undefined, { signal: context.signal });
}
