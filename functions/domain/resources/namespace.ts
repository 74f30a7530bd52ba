/** The Namespace of a database: its UID distinguishes two clusters that use the same names. */
import '../zod-jitless.ts';
import * as z from 'zod';

/** The only part that is read; it has no namespace of its own. */
export const Namespace = z.object({ metadata: z.object({ uid: z.string().min(1) }) });

/** UID of a Namespace, or why it is not known, in words that say what to do. */
export type NamespaceIdentity =
  { readonly known: true; readonly uid: string } | { readonly known: false; readonly why: string };
