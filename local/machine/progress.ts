/** Progress that a person can follow, on a terminal and in a log. */
import { messageOf } from './error-message.ts';

/** One part of the set-up that is going on. */
export interface Part {
  /** What it is doing right now, with a percentage or a count. */
  update(detail: string): void;
  done(detail?: string): void;
  failed(detail: string): void;
}

/** Prints parts, one after the other. */
export interface Progress {
  part(name: string): Part;
  say(line: string): void;
}

/** Shows a piece of work as a part: from its start until it is ready, or until the reason of its failure. */
export async function showPart<T>(progress: Progress, name: string, work: (part: Part) => Promise<T>): Promise<T> {
  const part = progress.part(name);
  part.update('starting');
  try {
    const result = await work(part);
    part.done('ready');
    return result;
  } catch (error) {
    part.failed(messageOf(error));
    throw error;
  }
}

/** Where it goes; process.stdout fits. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const nameWidth = 16;
/** A log gets a line at most this often while a part goes on. */
const logEveryMs = 15_000;
/** Shorter parts are not worth a line of their own at their start. */
const quietMs = 1_000;

/** On a terminal the line of the current part is rewritten; elsewhere lines are only added. */
export function createProgress(screen: Screen = process.stdout): Progress {
  return {
    part: (name) => partOn(screen, name),
    // The line of a part that goes on makes room; its next update writes it again.
    say: (line) => void screen.write(screen.isTTY === true ? `\r\x1b[K${line}\n` : `${line}\n`),
  };
}

/** Says nothing: for tests. */
export function silentProgress(): Progress {
  const part: Part = { update: () => undefined, done: () => undefined, failed: () => undefined };
  return { part: () => part, say: () => undefined };
}

/** Shows how long things take: `0.4 s`, `12 s`, `3 min 13 s`. */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function line(mark: string, name: string, detail: string): string {
  return `  ${mark} ${name.padEnd(nameWidth)} ${detail}`.trimEnd();
}

/** Some terminals do not know their width and say 0. */
function widthOf({ columns = 0 }: Screen): number {
  return columns > 0 ? columns : 80;
}

/** The duration stays whole: a detail that is too long for both loses its end. */
function fitted(detail: string, duration: string, room: number): string {
  const text = `${detail} ${duration}`.trim();
  if (text.length <= room) return text;
  return `${detail.slice(0, Math.max(0, room - duration.length - 2))}… ${duration}`;
}

function partOn(screen: Screen, name: string): Part {
  const isTerminal = screen.isTTY === true;
  const begun = performance.now();
  const elapsed = (): string => `(${durationText(performance.now() - begun)})`;
  let detail = '';
  let lastLine = begun - logEveryMs + quietMs;
  const show = (): void => {
    if (isTerminal) {
      const room = widthOf(screen) - 1 - Math.max(name.length, nameWidth) - '  … '.length - 1;
      return void screen.write(`\r\x1b[K${line('…', name, fitted(detail, elapsed(), room))}`);
    }
    if (performance.now() - lastLine < logEveryMs) return;
    lastLine = performance.now();
    screen.write(`${line('…', name, `${detail} ${elapsed()}`.trim())}\n`);
  };
  const timer = setInterval(show, isTerminal ? 200 : 500);
  timer.unref();
  const end = (mark: string, text: string): void => {
    clearInterval(timer);
    screen.write(`${isTerminal ? '\r\x1b[K' : ''}${line(mark, name, `${text} ${elapsed()}`.trim())}\n`);
  };
  if (isTerminal) show();
  return {
    update: (text) => (detail = text),
    done: (text = '') => end('✓', text),
    failed: (text) => end('✗', text),
  };
}
