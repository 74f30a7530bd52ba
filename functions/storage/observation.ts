/** What the storage function decides from. */
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { UnixSeconds } from '../domain/time.ts';
import type { Verdict } from './checks.ts';

export interface Observation {
  /** API server's clock. */
  readonly now: UnixSeconds;
  readonly manager: PgManager;
  /** What was seen just now; absent once it has been recorded, by us or by another probe at the same time. */
  readonly verdict?: Verdict | undefined;
}
