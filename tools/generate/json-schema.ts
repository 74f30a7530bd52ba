/** Properties of an event's data, as a JSON Schema describes them. */
import { fieldAt, type Definition, type Schema } from './crds.ts';

/** A property; one that is not `optional` is in every event of its type. */
export interface Property {
  readonly schema: object;
  readonly optional: boolean;
}

export type Properties = Readonly<Record<string, Property>>;

export function text(description: string, more: object = {}): Property {
  return required({ type: 'string', ...more, description });
}

/** Text that is not empty. */
export function name(description: string): Property {
  return text(description, { minLength: 1 });
}

/** Text that is one of these words. */
export function oneOf(words: readonly string[], description: string): Property {
  return text(description, { enum: words });
}

export function time(description: string): Property {
  return text(description, { format: 'date-time' });
}

export function count(minimum: number, description: string): Property {
  return required({ type: 'integer', minimum, description });
}

export function flag(description: string): Property {
  return required({ type: 'boolean', description });
}

/** A field of a CRD, as it is there; `more` is what an event says beyond that. */
export function field(definition: Definition, path: string, more: object = {}): Property {
  return required({ ...published(fieldAt(definition, path)), ...more });
}

/** An object of a CRD in which one property is always given. */
export function objectField(definition: Definition, path: string, given: string, description?: string): Property {
  const schema = fieldAt(definition, path);
  const properties = Object.entries(schema.properties ?? {}).map(([key, of]) => [
    key,
    { ...published(of), ...(key === given && { minLength: 1 }) },
  ]);
  return required({
    type: 'object',
    description: description ?? schema.description,
    required: [given],
    properties: Object.fromEntries(properties) as object,
  });
}

/** One of the words that a field of a CRD may have. */
export function wordOf({ enum: words }: Schema, word: string, description: string): Property {
  if (words?.includes(word) !== true) throw new Error(`the CRD does not know the word ${word}`);
  return text(description, { const: word });
}

export function optional({ schema }: Property): Property {
  return { schema, optional: true };
}

/** Returns the schema of an object with these properties. */
export function objectOf(properties: Properties): object {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    required: entries.filter(([, property]) => !property.optional).map(([key]) => key),
    properties: Object.fromEntries(entries.map(([key, { schema }]) => [key, schema])),
  };
}

function required(schema: object): Property {
  return { schema, optional: false };
}

/** Returns what a CRD says of a field, without the limits that only bound the stored object. */
function published({ type, description, format, minimum, items }: Schema): object {
  return {
    type,
    ...(format === 'date-time' && { format }),
    ...(minimum !== undefined && { minimum }),
    ...(items && { items: published(items) }),
    description,
  };
}
