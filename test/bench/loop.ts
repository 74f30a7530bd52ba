/** A Broker whose only Trigger leads back to the function that posts: pages of a walk go round, all else is counted. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createGate } from '../../local/knative/serving/gate.ts';
import { listen, post, readAll, type Listening } from '../../local/knative/core/http.ts';

/** Its URL is for `K_SINK`. */
export interface Loop extends Listening {
  /** Where events of the type go from now on. */
  lead(url: string): void;
  /** Resolves when every event that went round has been answered. */
  idle(): Promise<void>;
  /** Events that went round, those that led elsewhere, deliveries that were made again, events that were never taken. */
  readonly counts: { rounds: number; others: number; again: number; refused: number };
}

/** A Trigger waits a second, then two, four, … before it delivers again (ms). */
const backoff = [1_000, 2_000, 4_000, 8_000, 16_000];

/** At most `concurrency` at a time are let in, as queue-proxy does it; what is answered 503 is delivered again. */
export async function startLoop(type: string, concurrency: number): Promise<Loop> {
  const counts = { rounds: 0, others: 0, again: 0, refused: 0 };
  const gate = createGate(concurrency);
  const under = new Set<Promise<void>>();
  let target = '';
  const server = await listen((incoming, response) => {
    void readAll(incoming).then((body) => {
      response.writeHead(202).end();
      if (incoming.headers['ce-type'] !== type) return void (counts.others += 1);
      counts.rounds += 1;
      const delivery = deliver(incoming, body).finally(() => under.delete(delivery));
      under.add(delivery);
    });
  });

  async function deliver({ headers }: IncomingMessage, body: Buffer): Promise<void> {
    let status = await deliverOnce(headers, body);
    for (const delay of backoff) {
      if (status !== 503) break;
      counts.again += 1;
      await pause(delay);
      status = await deliverOnce(headers, body);
    }
    if (status !== 204) counts.refused += 1;
  }

  async function deliverOnce(headers: IncomingMessage['headers'], body: Buffer): Promise<number> {
    await gate.enter(new AbortController().signal);
    const { status } = await post(target, { headers: headers as Record<string, string>, body });
    gate.leave();
    return status;
  }

  return {
    ...server,
    lead: (url) => void (target = url),
    async idle() {
      while (under.size > 0) await Promise.all(under);
    },
    counts,
  };
}
