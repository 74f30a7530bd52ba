/** What all objects have in common. */
import '../zod-jitless.ts';
import * as z from 'zod';

export const Metadata = z.object({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

export const Selector = z.object({ name: z.string() });

/**
 * The fields of a parser. Each is one that the CRD has, and gives values that the CRD admits: otherwise it is an error of
 * types. A parser may leave out what nobody reads.
 */
export type FieldsOf<Crd> = { readonly [Name in keyof Crd]?: z.ZodType<Crd[Name]> };

/** Returns the items that parse, in their order. One bad object must not stop its neighbours; `skipped` is called for each. */
export function parseEach<T>(
  schema: z.ZodType<T>,
  items: readonly unknown[],
  skipped: (item: unknown, why: string) => void,
): T[] {
  return items.flatMap((item) => {
    const parsed = schema.safeParse(item);
    if (parsed.success) return [parsed.data];
    skipped(item, z.prettifyError(parsed.error));
    return [];
  });
}
