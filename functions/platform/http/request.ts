/** One HTTP request and its whole answer, with a deadline and a size limit. */
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { requestError } from '../../domain/request-error.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const timeoutMs = 15_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** Sends and reads to the end. Every way to get no answer is a `RequestError` with status 0. `protocol` chooses TLS (default `https:`). */
export function requestOnce(options: RequestOptions, body: string | undefined): Promise<Answer> {
  const request = options.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    function noAnswer(error: Error): void {
      reject(requestError.of(0, 'NoAnswer', `${options.method} ${options.path}: ${error.message}`));
    }
    // A URL writes an IPv6 address in brackets, a connection is made without them.
    const host = options.host?.replace(/^\[(.*)\]$/, '$1');
    // For a DELETE Node states no length by itself: the server would ignore the body and take it for the next request.
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const headers = { ...options.headers, ...length };
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ ...options, headers, host, signal }, (incoming) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) outgoing.destroy(new Error(`answer is larger than ${maxAnswerBytes} bytes`));
        else chunks.push(chunk);
      });
      incoming.on('error', noAnswer);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.on('error', noAnswer);
    outgoing.end(body);
  });
}
