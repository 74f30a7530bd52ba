/**
 * Imported before the functions: they ask zod for little start-up time, a simulation parses the same objects millions of
 * times. What is parsed is the same either way; it is frozen, because it is shared, so that whoever changes it is seen.
 */
import { DateTime } from 'luxon';
import { globalConfig } from 'zod/v4/core';

Object.defineProperty(globalConfig, 'jitless', { get: () => false, set: () => undefined });

const times = new Map<string, DateTime>();
const fromISO = DateTime.fromISO.bind(DateTime);

/** A DateTime never changes: one for each text. */
DateTime.fromISO = ((text: string, options: Parameters<typeof fromISO>[1]) => {
  const key = `${text} ${options?.zone === undefined ? '' : 'utc'}`;
  let time = times.get(key);
  if (time === undefined) {
    if (times.size > 100_000) times.clear();
    times.set(key, (time = fromISO(text, options)));
  }
  return time;
}) as typeof fromISO;

/** A schema that is asked for the same objects again and again. */
interface Parser {
  safeParse(input: unknown): { readonly data?: unknown };
}

/** The stored objects of the model are never changed in place, so that one object has one reading. */
export function parseOnce(schema: Parser): void {
  const readings = new WeakMap<object, ReturnType<Parser['safeParse']>>();
  const safeParse = schema.safeParse.bind(schema);
  schema.safeParse = (input) => {
    if (typeof input !== 'object' || input === null) return safeParse(input);
    let reading = readings.get(input);
    if (reading === undefined) {
      reading = safeParse(input);
      freeze(reading.data);
      readings.set(input, reading);
    }
    return reading;
  };
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) freeze(inner);
  Object.freeze(value);
}
