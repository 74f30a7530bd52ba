/** `kubectl logs`: the output of a container's main process. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { RunningContainer } from './container.ts';

const followMs = 250;

/** Answers with the log of the current incarnation, or of the one before (`previous`); `follow` keeps it coming. */
export function serveLog(response: ServerResponse, container: RunningContainer, query: URLSearchParams): void {
  const { restartCount } = container.state();
  const path = container.logOf(query.get('previous') === 'true' ? restartCount - 1 : restartCount);
  if (!existsSync(path)) {
    response.writeHead(400).end(`container "${container.container.name}" has no log of that incarnation`);
    return;
  }
  const text = readFileSync(path);
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.write(lastLines(text, query.get('tailLines')));
  if (query.get('follow') !== 'true') response.end();
  else followFile(response, path, text.length);
}

function lastLines(text: Buffer, count: string | null): Buffer | string {
  if (count === null) return text;
  const lines = text.toString('utf8').split(/(?<=\n)/);
  return lines.slice(Math.max(lines.length - Number(count), 0)).join('');
}

function followFile(response: ServerResponse, path: string, from: number): void {
  const file = openSync(path, 'r');
  let position = from;
  const timer = setInterval(() => {
    const more = Buffer.alloc(Math.max(fstatSync(file).size - position, 0));
    if (more.length === 0) return;
    position += readSync(file, more, 0, more.length, position);
    response.write(more);
  }, followMs);
  response.on('close', () => {
    clearInterval(timer);
    closeSync(file);
  });
}
