/** CloudEvents on the wire, without touching their data: what comes in as bytes goes out as the same bytes. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { HTTP, type CloudEvent } from 'cloudevents';
import type { Message } from './http.ts';
import type { EventSummary } from './trace.ts';

/** Context attributes as text (without `datacontenttype`) and the data as it came. */
export interface CarriedEvent {
  readonly attributes: Readonly<Record<string, string>>;
  readonly contentType?: string | undefined;
  readonly data: Buffer;
}

/** What a source says about a new event; `id` and `time` are added. */
export interface NewEvent {
  readonly type: string;
  readonly source: string;
  readonly subject?: string | undefined;
  readonly extensions: Readonly<Record<string, string>>;
  readonly contentType?: string | undefined;
  readonly data: Buffer;
}

const structured = 'application/cloudevents+json';
const mainAttributes: ReadonlySet<string> = new Set(['id', 'type', 'source', 'subject', 'time', 'specversion']);

/** A new event with a fresh id; its time is now, the moment of sending, as sdk-go's defaulters have it. */
export function makeEvent(event: NewEvent, now: Date = new Date()): CarriedEvent {
  const { type, source, subject, extensions, contentType, data } = event;
  return {
    attributes: {
      specversion: '1.0',
      id: randomUUID(),
      type,
      source,
      time: now.toISOString(),
      ...(subject === undefined ? {} : { subject }),
      ...extensions,
    },
    contentType,
    data,
  };
}

/** Binary mode, Knative's default. */
export function toMessage(event: CarriedEvent): Message {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.attributes)) headers[`ce-${name}`] = toHeader(value);
  if (event.contentType !== undefined) headers['content-type'] = event.contentType;
  return { headers, body: event.data };
}

/** Whether this message claims to be a CloudEvent at all. */
export function claimsToBeEvent(headers: IncomingHttpHeaders): boolean {
  return headers['ce-specversion'] !== undefined || (headers['content-type'] ?? '').startsWith(structured);
}

/** Reads binary and structured mode; throws when the SDK refuses it, and for batches, which no Broker takes. */
export function fromMessage(headers: IncomingHttpHeaders, body: Buffer): CarriedEvent {
  const isStructured = (headers['content-type'] ?? '').startsWith(structured);
  if (!isStructured) return fromBinary(headers, body);
  return fromSdk(judge(HTTP.toEvent<unknown>({ headers, body: body.toString('utf8') })));
}

/** `toEvent` is lenient: a missing `source` only shows in `validate`. */
function judge(event: ReturnType<typeof HTTP.toEvent<unknown>>): CloudEvent<unknown> {
  if (Array.isArray(event)) throw new Error('a batch of CloudEvents is not accepted');
  const single = event as CloudEvent<unknown>;
  single.validate();
  return single;
}

/** A copy with other or more attributes; undefined removes one. */
export function withAttributes(
  event: CarriedEvent,
  changes: Readonly<Record<string, string | undefined>>,
): CarriedEvent {
  const entries = Object.entries({ ...event.attributes, ...changes });
  const attributes = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  return { ...event, attributes };
}

/** Returns what a trace says about an event. */
export function summaryOf(event: CarriedEvent): EventSummary {
  const { id = '', type = '', source = '', subject } = event.attributes;
  const extensions = Object.entries(event.attributes).filter(([name]) => !mainAttributes.has(name));
  return { id, type, source, subject, extensions: Object.fromEntries(extensions) };
}

function fromBinary(headers: IncomingHttpHeaders, data: Buffer): CarriedEvent {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-') && typeof value === 'string') attributes[name.slice(3)] = fromHeader(value);
  }
  // The SDK judges the attributes; the data is opaque to a Broker, so it does not see it.
  const { 'content-type': contentType, ...rest } = headers;
  judge(HTTP.toEvent({ headers: rest, body: undefined }));
  return { attributes, contentType, data };
}

function fromSdk(event: CloudEvent<unknown>): CarriedEvent {
  const { data, data_base64, datacontenttype, ...rest } = event.toJSON();
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (isSimple(value)) attributes[name] = String(value);
  }
  const contentType = typeof datacontenttype === 'string' ? datacontenttype : undefined;
  return {
    attributes,
    contentType: contentType ?? (data === undefined ? undefined : 'application/json'),
    data: bytes(),
  };

  function bytes(): Buffer {
    if (typeof data_base64 === 'string') return Buffer.from(data_base64, 'base64');
    if (data === undefined) return Buffer.alloc(0);
    const isText = typeof data === 'string' && contentType !== undefined && !contentType.includes('json');
    return Buffer.from(isText ? data : JSON.stringify(data));
  }
}

function isSimple(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/**
 * sdk-go puts attributes into headers as they are, in UTF-8; Node has headers as text of one character per byte. Control
 * characters, with which Go sends nothing at all, are written as `%0A` instead.
 */
function toHeader(value: string): string {
  const printable = value.replace(/[^ -~\u{80}-\u{10ffff}]+/gu, (text) => encodeURIComponent(text));
  return Buffer.from(printable, 'utf8').toString('latin1');
}

function fromHeader(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}
