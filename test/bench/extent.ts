/** How much of a bench is run. */
import type { Table } from '../support/table.ts';

export interface Extent {
  /** Of comparisons: each has all its variants in every round. */
  readonly rounds: number;
  /** Of what is large on purpose, such as the number of events: 1 for all of it. */
  readonly share: number;
}

/** What figures are made with. */
export const whole: Extent = { rounds: 15, share: 1 };

export type Bench = (extent: Extent) => Promise<Table>;
