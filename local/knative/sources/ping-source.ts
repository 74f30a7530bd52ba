/**
 * PingSource: a static event at the ticks of a cron schedule. At most once in practice: no catch-up, a few quick
 * retries, then lost (eventing `pkg/adapter/mtping`).
 */
import { messageOf } from '../../machine/error-message.ts';
import { wait, type Context } from '../core/context.ts';
import { parseSchedule, type Schedule } from './cron.ts';
import { resolve } from '../core/destination.ts';
import { makeEvent, type CarriedEvent } from '../core/events.ts';
import { keyOf } from '../../kubernetes/client/objects.ts';
import type { PingSource } from '../core/objects.ts';
import { sendFromSource } from './source-sender.ts';
import { writeFinalizers, writeStatus, type Verdict } from '../core/status.ts';
import { onTicks } from './ticker.ts';

const finalizer = 'pingsources.sources.knative.dev';
const jitterMs = 500;
const eventType = 'dev.knative.sources.ping';

interface Entry {
  readonly fingerprint: string;
  stop(): void;
}

/** All PingSources of the cluster, as the one shared adapter of Knative serves them. */
export interface PingSources {
  /** Brings entries and statuses in line with the objects as they are now. */
  reconcile(): Promise<void>;
  stop(): void;
}

/** Starts with no entries; `reconcile` adds them. */
export function createPingSources(context: Context): PingSources {
  const entries = new Map<string, Entry>();
  return {
    async reconcile() {
      const sources = context.world.pingSources;
      for (const key of [...entries.keys()]) if (!sources.has(key)) drop(entries, key);
      await Promise.all([...sources.values()].map((source) => reconcileOne(context, entries, source)));
    },
    stop() {
      for (const key of [...entries.keys()]) drop(entries, key);
    },
  };
}

function drop(entries: Map<string, Entry>, key: string): void {
  entries.get(key)?.stop();
  entries.delete(key);
}

async function reconcileOne(context: Context, entries: Map<string, Entry>, source: PingSource): Promise<void> {
  const { deletionTimestamp, finalizers = [] } = source.metadata;
  if (deletionTimestamp !== undefined) {
    // It still fires, because the adapter forgets an entry when the object is gone, not when its deletion is requested.
    if (finalizers.includes(finalizer)) await writeFinalizers(context, 'pingSources', source, []);
    return;
  }
  if (!finalizers.includes(finalizer)) await writeFinalizers(context, 'pingSources', source, [finalizer]);
  const { verdict, schedule, sinkUri } = judge(context, source);
  // An entry from before a source became not ready stays, old schedule and old sink included.
  if (schedule !== undefined && sinkUri !== undefined) keep(context, entries, { source, schedule, sinkUri });
  await writeStatus(context, 'pingSources', source, verdict);
}

interface Judged {
  readonly verdict: Verdict;
  readonly schedule?: Schedule;
  readonly sinkUri?: string;
}

function judge(context: Context, source: PingSource): Judged {
  const { sink, schedule, timezone } = source.spec;
  const sinkUri = resolve(sink, source.metadata.namespace, context.addresses);
  if (sinkUri === undefined) {
    const message = `the sink ${JSON.stringify(sink)} has no address`;
    return { verdict: { problem: { reason: 'SinkNotFound', message }, fields: {} } };
  }
  const attributes = [{ type: eventType, source: sourceOf(source) }];
  const fields = { sinkUri, ceAttributes: attributes };
  try {
    return { verdict: { fields }, schedule: parseSchedule(schedule, timezone), sinkUri };
  } catch (error) {
    // The webhook of Knative parses the schedule and would have refused it; a CRD cannot count days and hours.
    return { verdict: { problem: { reason: 'InvalidSchedule', message: messageOf(error) }, fields } };
  }
}

interface Scheduled {
  readonly source: PingSource;
  readonly schedule: Schedule;
  readonly sinkUri: string;
}

function keep(context: Context, entries: Map<string, Entry>, scheduled: Scheduled): void {
  const key = keyOf(scheduled.source);
  const { source, sinkUri } = scheduled;
  const fingerprint = JSON.stringify([source.metadata.uid, source.spec, sinkUri]);
  if (entries.get(key)?.fingerprint === fingerprint) return;
  drop(entries, key);
  const stop = onTicks(scheduled.schedule, () => void fire(context, scheduled));
  entries.set(key, { fingerprint, stop });
}

/** Ticks of one source may overlap, and one that is in its jitter or retries still goes out after the deletion. */
async function fire(context: Context, { source, sinkUri }: Scheduled): Promise<void> {
  try {
    await wait(context, Math.floor(Math.random() * jitterMs));
  } catch {
    return;
  }
  await sendFromSource(context, sinkUri, pingEvent(source));
}

/** The event of a tick. Nothing in it says which tick it was: its time is the time of sending. */
export function pingEvent(source: PingSource, now?: Date): CarriedEvent {
  const { ceOverrides, contentType, data, dataBase64 } = source.spec;
  return makeEvent(
    {
      type: eventType,
      source: sourceOf(source),
      extensions: ceOverrides?.extensions ?? {},
      contentType,
      data: dataBase64 === undefined ? Buffer.from(data ?? '') : Buffer.from(dataBase64, 'base64'),
    },
    now,
  );
}

function sourceOf({ metadata }: PingSource): string {
  return `/apis/v1/namespaces/${metadata.namespace}/pingsources/${metadata.name}`;
}
