/** Release downloads: one file over HTTP, complete and with the right checksum, or nothing. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Part } from '../machine/progress.ts';
import type { Release } from './recipes.ts';

/** The site that releases come from; a mirror can be named in the environment. */
export function releaseSite(env: NodeJS.ProcessEnv = process.env): string {
  return (env['AIDBOXOPS_RELEASES_URL'] ?? 'https://github.com').replace(/\/+$/, '');
}

/** Thrown when the site cannot be reached at all: trying its other files is useless. */
export class SiteUnreachable extends Error {}

/** A firewall that swallows packets must cost seconds, not minutes. */
const answerTimeoutMs = 4_000;
const stallTimeoutMs = 20_000;

/** Downloads to `target`; throws with a reason, leaving a partial file at most at `target`. */
export async function download(site: string, release: Release, target: string, part: Part): Promise<void> {
  const url = `${site}/${release.path}`;
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), answerTimeoutMs);
  try {
    const answer = await request(url, stalled.signal);
    const total = Number(answer.headers.get('content-length') ?? 0);
    const hash = createHash(release.checksum.algorithm);
    let received = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer);
        timer = setTimeout(() => stalled.abort(), stallTimeoutMs);
        received += chunk.length;
        hash.update(chunk);
        part.update(amountText(received, total));
        done(undefined, chunk);
      },
    });
    const body = Readable.fromWeb(answer.body as ReadableStream<Uint8Array>);
    await pipeline(body, measure, createWriteStream(target)).catch((error: unknown) => {
      throw new Error(`${url}: ended after ${received} of ${total} bytes (${String(error)})`);
    });
    const digest = hash.digest('hex');
    if (digest !== release.checksum.hex) {
      throw new Error(`${url}: ${release.checksum.algorithm} is ${digest}, expected ${release.checksum.hex}`);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { signal });
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    throw new SiteUnreachable(`${new URL(url).host} cannot be reached: ${String(cause ?? error)}`);
  }
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    throw new Error(`${url}: HTTP ${answer.status}`);
  }
  return answer;
}

function amountText(received: number, total: number): string {
  const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
  if (total === 0) return `downloading, ${mebibytes(received)} MiB`;
  return `downloading ${Math.floor((100 * received) / total)} % of ${mebibytes(total)} MiB`;
}
