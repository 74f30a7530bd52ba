/**
 * JSON whose integers do not fit a JavaScript number: LSNs and system identifiers are unsigned 64-bit. Integers beyond
 * 2^53 become decimal text; everything else is as JSON.parse makes it.
 */
export function parseLossless(text: string): unknown {
  return JSON.parse(text, keepLargeIntegers) as unknown;
}

/** The third argument gives the number as it was written (ECMAScript "JSON.parse source text access"). */
function keepLargeIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? '')) return value;
  return context?.source;
}
