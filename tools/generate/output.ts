/** Files that are generated and checked in. */
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../..');

export interface GeneratedFile {
  /** Where it is, from the root of the repository. */
  readonly path: string;
  /** What it holds, before prettier formats it. */
  readonly content: string;
}
