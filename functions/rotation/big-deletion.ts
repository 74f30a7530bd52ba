/**
 * A deletion of more than half of the proven backups at once is announced first and done with the next success, because a
 * mistyped numberToRetain is seen only when it is too late. No side effects.
 */
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { oneLine } from '../domain/text.ts';
import { isBefore } from '../domain/catalogue/order.ts';
import type { Plan } from './stored-backups.ts';

type Deletion = Extract<Plan, { verdict: 'delete' }>;
type Warned = NonNullable<RotationCondition['warned']>;

/** What has to be announced before it is done; undefined when the deletion is usual, or was announced. */
export function warningOf(
  deletion: Deletion,
  success: string,
  before: RotationCondition['warned'],
): Warned | undefined {
  const going = provenGoing(deletion);
  if (!isBig(deletion, going) || wasAnnounced(deletion, success, before)) return undefined;
  return { cut: deletion.cutoff.name, count: going.length, for: success };
}

/** `27 of 30 proved backups would go at once (numberToRetain is 3 now): done with …`. */
export function warningMessage({ proven }: Deletion, { count }: Warned, retain: number): string {
  return oneLine(
    `${count} of ${proven.length} proved backups would go at once (numberToRetain is ${retain} now): done with the next success unless you raise it again`,
  );
}

function provenGoing({ proven, toDelete }: Deletion): CatalogueEntry[] {
  return proven.filter((entry) => toDelete.includes(entry));
}

/** Two at once are usual after a rotation that did not take place. */
const usual = 2;

/** A single full backup takes its deltas with it, as often as a chain ends: that is usual, too. */
function isBig({ proven }: Deletion, going: readonly CatalogueEntry[]): boolean {
  const chains = going.filter(({ name }) => !name.includes('_D_'));
  return going.length > Math.max(usual, proven.length / 2) && chains.length > 1;
}

/** Each success since then lets one more go. */
function wasAnnounced(deletion: Deletion, success: string, before: RotationCondition['warned']): boolean {
  if (before === undefined || before.for === success) return false;
  const announced = deletion.proven.find(({ owner }) => owner?.uid === before.for);
  const since =
    announced === undefined ? 0 : deletion.proven.filter(({ name }) => isBefore(announced.name, name)).length;
  return provenGoing(deletion).length <= before.count + since;
}
