/**
 * A small real function for the tests: an HTTP server that writes down what it gets (one JSON line per event, to
 * RECORD) and answers as the event's extension `answer` or the path says.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { PORT, RECORD, READY, RELEASE } = process.env;

/** Waits for a file that the test writes, so that nothing depends on time. */
async function untilExists(path: string | undefined): Promise<void> {
  while (path !== undefined && !existsSync(path)) await sleep(10);
}

function record(entry: object): void {
  if (RECORD !== undefined) appendFileSync(RECORD, `${JSON.stringify(entry)}\n`);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const { url = '/', headers } = request;
  if (url === '/healthz') return void response.end();
  record({ url, headers, body, pid: process.pid });
  if (url === '/exit') process.exit(3);
  if (url === '/slow') await untilExists(RELEASE);
  if (url === '/environment') return void response.end(JSON.stringify(process.env));
  response.writeHead(Number(headers['ce-answer'] ?? 204)).end();
}

await untilExists(READY);
const server = createServer((request, response) => void answer(request, response));
server.listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  record({ signal: 'SIGTERM', pid: process.pid });
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
