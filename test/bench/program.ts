/** A program under measurement: started, asked, looked at from outside, ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { post } from '../../local/knative/core/http.ts';
import { answersOk } from '../../local/machine/answers.ts';
import { freePort } from '../../local/machine/ports.ts';

export interface Program {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningProgram {
  readonly pid: number;
  readonly url: string;
  /** Milliseconds from the start to the first 200 of `/healthz`. */
  readonly readyMs: number;
  /** Sends a CloudEvent; answers the status. */
  send(event: object): Promise<number>;
  stop(): Promise<void>;
}

/** A bench that fails leaves nothing behind. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts it and asks every millisecond whether it is ready. */
export async function startProgram({ argv, env = {} }: Program): Promise<RunningProgram> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const [file = '', ...args] = argv;
  const begun = performance.now();
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  while (!(await answersOk(get(`${url}healthz`, { agent: false })))) {
    if (hasEnded(child)) throw new Error(`${argv.join(' ')} ended with ${child.signalCode ?? child.exitCode}`);
    await pause(1);
  }
  const readyMs = performance.now() - begun;
  return { pid: child.pid ?? 0, url, readyMs, send: (event) => send(url, event), stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function send(url: string, event: object): Promise<number> {
  const body = Buffer.from(JSON.stringify({ specversion: '1.0', source: '/bench', ...event }));
  const { status, error } = await post(url, { headers: { 'content-type': 'application/cloudevents+json' }, body });
  if (error !== undefined) throw new Error(error);
  return status;
}

/** Memory of a process in MB: all that is resident, and what only it has written. */
export function memoryOf(pid: number): { rss: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { rss: field('Rss'), private: field('Private_Dirty') };
}

/** Milliseconds of CPU that a process has used; undefined when it has ended. */
export function cpuOf(pid: number): number | undefined {
  const fields = textOf(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /, '')
    .split(' ');
  // Clock ticks of 10 ms; utime and stime are the 12th and 13th after the name.
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * 10;
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The most that was ever resident, in MB; undefined when it has ended. */
export function peakOf(pid: number): number | undefined {
  const text = textOf(`/proc/${pid}/status`);
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(text ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** A process may end while its files are read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
