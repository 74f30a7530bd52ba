/**
 * Pages through collections, one page an activation. Each activation posts the next page before it handles its own, so that
 * a crash loses one page only. A page that cannot be posted ends the paging and is handled all the same. A redelivered page
 * posts its successor again under the same id: both chains handle the same pages alike and end together.
 */
import { eventType, type OwnEvent } from '../../domain/events/cloud-event.ts';
import { requestError } from '../../domain/request-error.ts';
import type { PageToken } from '../../domain/events/event-target.ts';
import { installationNamespace } from '../../domain/resources/names.ts';
import { parseTime, rfc3339 } from '../../domain/time.ts';
import { serverNow, type Kube, type Page } from '../kubernetes/client.ts';
import type { Outcome } from './reconcile.ts';
import type { Sink } from '../http/sink.ts';

/** A collection, and what is done with a page of it. */
export interface Collection {
  readonly kind: PageToken['kind'];
  /** API path of the list. */
  readonly path: string;
  readonly fieldSelector?: string;
  /** Handles the unparsed objects of a page and answers how many it took; one bad object must not stop the others. */
  readonly handle: (items: readonly unknown[], token: PageToken) => Promise<number>;
}

export interface Paging {
  readonly effects: { readonly kube: Kube; readonly sink: Sink };
  /** Name of the PingSource that begins it. */
  readonly name: keyof typeof pageType;
  readonly pageSize: number;
  /** In their order; at least one. */
  readonly collections: readonly [Collection, ...Collection[]];
}

/** Types of the events that continue the paging. */
const pageType = { sweep: eventType.sweepPage, probe: eventType.probePage } as const;
/** Pages whose first page is older than this are dropped, because the next sweep or probe is near (seconds). */
const pageLifetime = 600;
/** Marks the pages of a list that was restarted because its continue token had expired. */
const restartMark = '+';

/** Handles the first page. All later pages are named after the id of the tick. */
export async function beginPaging(paging: Paging, tick: string): Promise<Outcome> {
  const [first] = paging.collections;
  // The age of a page is measured by the API server's clock, which any answer gives.
  await paging.effects.kube.list(first.path, { limit: 1 });
  const started = rfc3339(serverNow(paging.effects.kube));
  return continuePaging(paging, { tick, page: 1, kind: first.kind, continue: '', started });
}

/**
 * Posts the next page, then handles the one that the token names, even when nothing can be posted. In that case the event
 * has to come again, for its successor.
 */
export async function continuePaging(paging: Paging, token: PageToken): Promise<Outcome> {
  const collection = paging.collections.find(({ kind }) => kind === token.kind);
  if (collection === undefined) return { outcome: 'done', reason: 'Ignored', message: `no pages of ${token.kind}` };
  let page: Page;
  try {
    page = await readPage(paging, collection, token);
  } catch (error) {
    if (requestError.isGone(error)) return restart(paging, token);
    // A token that this API server never gave out stays wrong, however often the event comes.
    if (token.continue !== '' && requestError.isInvalid(error)) {
      return { outcome: 'done', reason: 'Ignored', message: 'the list token is none of this API server' };
    }
    throw error;
  }
  if (serverNow(paging.effects.kube) - (parseTime(token.started) ?? 0) > pageLifetime) {
    return { outcome: 'done', reason: 'StalePage', message: `the page is of an old ${paging.name}` };
  }
  const next = nextPage(paging, token, page.continue);
  const posted = next === undefined ? undefined : paging.effects.sink.post(pageEvent(paging, next));
  const [posting] = await Promise.allSettled([posted]);
  const handled = await collection.handle(page.items, token);
  if (posting.status === 'rejected') throw posting.reason;
  return { outcome: 'done', reason: 'PageDone', message: `page ${token.page}: ${handled} ${token.kind}` };
}

function readPage({ effects, pageSize }: Paging, collection: Collection, token: PageToken): Promise<Page> {
  const { path, fieldSelector } = collection;
  return effects.kube.list(path, {
    limit: pageSize,
    continue: token.continue === '' ? undefined : token.continue,
    fieldSelector,
  });
}

/** The rest of this collection, else the beginning of the next one. */
function nextPage({ collections }: Paging, token: PageToken, continueToken: string | undefined): PageToken | undefined {
  const page = token.page + 1;
  if (continueToken !== undefined) return { ...token, page, continue: continueToken };
  const following = collections[collections.findIndex(({ kind }) => kind === token.kind) + 1];
  return following === undefined ? undefined : { ...token, page, kind: following.kind, continue: '' };
}

/** The continue token expired (410): lists the collection from its beginning, once for each tick. */
async function restart(paging: Paging, token: PageToken): Promise<Outcome> {
  if (token.tick.endsWith(restartMark)) {
    return {
      outcome: 'done',
      reason: 'ListExpired',
      message: `the list expired twice; the next ${paging.name} goes on`,
    };
  }
  await paging.effects.sink.post(
    pageEvent(paging, { ...token, tick: `${token.tick}${restartMark}`, page: 1, continue: '' }),
  );
  return { outcome: 'done', reason: 'ListExpired', message: 'the list expired and is begun again' };
}

function pageEvent({ name }: Paging, token: PageToken): OwnEvent {
  return {
    type: pageType[name],
    source: `/apis/sources.knative.dev/v1/namespaces/${installationNamespace}/pingsources/${name}`,
    id: `${token.tick}/${token.page}`,
    subject: `${name}/${token.kind}/${token.page}`,
    data: token,
  };
}
