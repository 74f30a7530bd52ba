/**
 * Changes of the storage's state and whether they are announced. `announced` is the key of the change that was announced
 * last. A change that is overtaken before it was announced is kept behind that key, marked with `+`: an outage that began
 * and ended while the sink was down is announced afterwards. No side effects.
 */
import type { StorageCondition } from '../domain/resources/pg-manager.ts';
import { rfc3339, type UnixSeconds } from '../domain/time.ts';

/** A state that is announced; `unknown` is only a gap in what is known. */
export interface Change {
  readonly state: 'available' | 'unavailable';
  /** RFC 3339. */
  readonly since: string;
}

type State = NonNullable<StorageCondition['state']>;

/** How many overtaken changes are kept; the field has room for 256 characters. */
const keptOvertaken = 6;
const pendingMark = '+';

/** `unavailable/2022-01-02T02:14:00Z`. */
export function changeKey({ state, since }: Change): string {
  return `${state}/${since}`;
}

/** Lists the changes that are not announced yet, oldest first. */
export function pendingChanges(condition: StorageCondition): Change[] {
  const present = presentChange(condition);
  const announced = words(condition.announced).find((word) => !isPending(word));
  const isPresentPending = present !== undefined && announced !== changeKey(present);
  return [...words(condition.announced).filter(isPending).flatMap(parseWord), ...(isPresentPending ? [present] : [])];
}

/**
 * `since` and `announced` of the condition that follows `stored`. The state that was known before a gap, found again
 * after it, is no change: a pod that restarts during a probe makes no news.
 */
export function follow(
  stored: StorageCondition,
  state: State,
  now: UnixSeconds,
): Pick<StorageCondition, 'since' | 'announced'> {
  if (state === stored.state) return { since: stored.since, announced: stored.announced };
  const kept = announcedBehind(stored);
  const lastWord = kept.at(-1) ?? '';
  const known = parseWord(lastWord)[0];
  if (known?.state !== state) return { since: rfc3339(now), announced: joined(kept) };
  return { since: known.since, announced: joined(isPending(lastWord) ? kept.slice(0, -1) : kept) };
}

/** Returns what was announced last, then what is pending, the present change included: it is about to be overtaken. */
function announcedBehind(condition: StorageCondition): string[] {
  const announced = words(condition.announced).filter((word) => !isPending(word));
  const pending = pendingChanges(condition).map((change) => `${pendingMark}${changeKey(change)}`);
  return [...announced, ...pending.slice(-keptOvertaken)];
}

function presentChange({ state, since }: StorageCondition): Change | undefined {
  return state === undefined || state === 'unknown' || since === undefined ? undefined : { state, since };
}

function words(announced: string | undefined): string[] {
  return announced?.split(' ') ?? [];
}

function joined(announced: readonly string[]): string | undefined {
  return announced.length === 0 ? undefined : announced.join(' ');
}

function isPending(word: string): boolean {
  return word.startsWith(pendingMark);
}

function parseWord(word: string): Change[] {
  const [, state, since] = /^\+?(available|unavailable)\/(\S+)$/.exec(word) ?? [];
  return since === undefined ? [] : [{ state: state as Change['state'], since }];
}
