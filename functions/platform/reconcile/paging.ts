/**
 * A walk over collections, one page an activation. Each activation posts the next page before it handles its own, so
 * that a page that dies takes none of the following with it; one that cannot be posted stops nothing but the walk. A
 * page that comes twice posts its successor twice, under the same id: both chains handle the same pages alike and end
 * together.
 */
import { eventType, type OwnEvent } from '../../domain/events/cloud-event.ts';
import { failure } from '../../domain/request-error.ts';
import type { PageHint } from '../../domain/events/event-target.ts';
import { installationNamespace } from '../../domain/resources/names.ts';
import { parseTime, rfc3339 } from '../../domain/time.ts';
import { serverNow, type Kube, type Page } from '../kubernetes/client.ts';
import type { Outcome } from './reconcile.ts';
import type { Sink } from '../http/sink.ts';

/** One kind of a walk, and what is done with a page of it. */
export interface Collection {
  readonly kind: PageHint['kind'];
  /** API path of the list. */
  readonly path: string;
  readonly fieldSelector?: string;
  /** Handles the unparsed objects of a page and answers how many it took; one bad object must not stop the others. */
  readonly handle: (items: readonly unknown[], hint: PageHint) => Promise<number>;
}

export interface Walk {
  readonly effects: { readonly kube: Kube; readonly sink: Sink };
  /** Name of the PingSource that begins it. */
  readonly name: keyof typeof pageType;
  readonly pageSize: number;
  /** In their order; at least one. */
  readonly collections: readonly [Collection, ...Collection[]];
}

/** Type of the events that carry a walk on. */
const pageType = { sweep: eventType.sweepPage, probe: eventType.probePage } as const;
/** Pages of a walk older than this are dropped: the next walk is near (seconds). */
const pageLifetime = 600;
/** Marks a walk that was begun anew after its list token had expired. */
const restartMark = '+';

/** Handles the first page; the id of the tick names all pages of the walk. */
export async function beginWalk(walk: Walk, tick: string): Promise<Outcome> {
  const [first] = walk.collections;
  // A walk is as old as the API server's clock says, which is known from any answer.
  await walk.effects.kube.list(first.path, { limit: 1 });
  const started = rfc3339(serverNow(walk.effects.kube));
  return goOn(walk, { tick, page: 1, kind: first.kind, continue: '', started });
}

/**
 * Posts the next page, then handles the one that the hint asks for: also when nothing can be posted, for the work does not
 * hang on it. Then the event has to come again, for its successor.
 */
export async function goOn(walk: Walk, hint: PageHint): Promise<Outcome> {
  const collection = walk.collections.find(({ kind }) => kind === hint.kind);
  if (collection === undefined)
    return { outcome: 'done', reason: 'PointsNowhere', message: `no pages of ${hint.kind}` };
  let page: Page;
  try {
    page = await readPage(walk, collection, hint);
  } catch (error) {
    if (failure.isGone(error)) return restart(walk, hint);
    // A token that this API server never gave out stays wrong, however often the event comes.
    if (hint.continue !== '' && failure.isInvalid(error)) {
      return { outcome: 'done', reason: 'PointsNowhere', message: 'the list token is none of this API server' };
    }
    throw error;
  }
  if (serverNow(walk.effects.kube) - (parseTime(hint.started) ?? 0) > pageLifetime) {
    return { outcome: 'done', reason: 'StalePage', message: `the page is of an old ${walk.name}` };
  }
  const next = nextPage(walk, hint, page.continue);
  const posted = next === undefined ? undefined : walk.effects.sink.post(pageEvent(walk, next));
  const [posting] = await Promise.allSettled([posted]);
  const handled = await collection.handle(page.items, hint);
  if (posting.status === 'rejected') throw posting.reason;
  return { outcome: 'done', reason: 'PageDone', message: `page ${hint.page}: ${handled} ${hint.kind}` };
}

function readPage({ effects, pageSize }: Walk, collection: Collection, hint: PageHint): Promise<Page> {
  const { path, fieldSelector } = collection;
  return effects.kube.list(path, {
    limit: pageSize,
    continue: hint.continue === '' ? undefined : hint.continue,
    fieldSelector,
  });
}

/** The rest of this collection, else the beginning of the next one. */
function nextPage({ collections }: Walk, hint: PageHint, continueToken: string | undefined): PageHint | undefined {
  const page = hint.page + 1;
  if (continueToken !== undefined) return { ...hint, page, continue: continueToken };
  const following = collections[collections.findIndex(({ kind }) => kind === hint.kind) + 1];
  return following === undefined ? undefined : { ...hint, page, kind: following.kind, continue: '' };
}

/** The list token expired (410): the collection is listed from its beginning, once a walk. */
async function restart(walk: Walk, hint: PageHint): Promise<Outcome> {
  if (hint.tick.endsWith(restartMark)) {
    return { outcome: 'done', reason: 'ListExpired', message: `the list expired twice; the next ${walk.name} goes on` };
  }
  await walk.effects.sink.post(pageEvent(walk, { ...hint, tick: `${hint.tick}${restartMark}`, page: 1, continue: '' }));
  return { outcome: 'done', reason: 'ListExpired', message: 'the list expired and is begun again' };
}

function pageEvent({ name }: Walk, hint: PageHint): OwnEvent {
  return {
    type: pageType[name],
    source: `/apis/sources.knative.dev/v1/namespaces/${installationNamespace}/pingsources/${name}`,
    id: `${hint.tick}/${hint.page}`,
    subject: `${name}/${hint.kind}/${hint.page}`,
    data: hint,
  };
}
