/**
 * One function: an address that is always there, and at most one process per revision behind it, started by the first
 * request and ended after the idle window (as Knative's activator, autoscaler and queue-proxy do together).
 *
 * Not copied: max-scale above 1 (requests beyond containerConcurrency wait instead), the start of one process for each
 * new revision, and the 30 s that Knative needs on top of the window. A process that cannot start costs the requests
 * held for it a 502 at once; Knative lets them wait for their timeout.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../machine/error-message.ts';
import type { Context } from '../core/context.ts';
import { forward, startRun, type FunctionPlace, type HeldRequest, type Run } from './function-run.ts';
import { listen, readAll, type Listening } from '../core/http.ts';
import type { ProcessChange } from '../core/trace.ts';
import type { Revision } from './revision.ts';

/** What a person sees of a function. `pid` is that of its newest process, `starts` how often one was started. */
export interface FunctionState {
  readonly name: string;
  readonly state: 'zero' | 'starting' | 'running' | 'stopping';
  readonly pid?: number;
  readonly url: string;
  readonly log: string;
  readonly starts: number;
  /** Requests that are held or being answered. */
  readonly requests: number;
}

/** A function as the activator drives it. */
export interface ServedFunction {
  readonly url: string;
  state(): FunctionState;
  /** New requests go to a process of this revision; processes of another one finish what they hold, then end. */
  use(revision: Revision): void;
  /** Takes no more requests and resolves when no process is left. */
  stop(): Promise<void>;
}

/** The argv for a container, from where the bundles are. */
export type BundleOf = (container: { command: readonly string[]; image: string }) => readonly string[];

interface Inner {
  readonly context: Context;
  readonly place: FunctionPlace;
  readonly bundleOf: BundleOf;
  readonly runs: Set<Run>;
  revision: Revision;
  revisions: number;
  current: Run | undefined;
  starts: number;
  stopped: boolean;
}

/** Opens the address of a function; no process yet. */
export async function serveFunction(
  context: Context,
  place: FunctionPlace,
  revision: Revision,
  bundleOf: BundleOf,
): Promise<ServedFunction> {
  const runs = new Set<Run>();
  const inner: Inner = {
    context,
    place,
    bundleOf,
    runs,
    revision,
    revisions: 1,
    current: undefined,
    starts: 0,
    stopped: false,
  };
  const server = await listen((incoming, response) => void serve(inner, incoming, response));
  return {
    url: server.url,
    state: () => stateOf(inner, server),
    use(next) {
      if (next.fingerprint === inner.revision.fingerprint) return;
      inner.revision = next;
      inner.revisions += 1;
      retire(inner);
    },
    async stop() {
      inner.stopped = true;
      inner.current = undefined;
      for (const run of inner.runs) end(inner, run);
      await Promise.all([...inner.runs].map((run) => run.over));
      await server.close();
    },
  };
}

function stateOf({ place, runs, starts }: Inner, { url }: Listening): FunctionState {
  const newest = [...runs].at(-1);
  return {
    name: place.name,
    state: newest?.state ?? 'zero',
    ...(newest?.pid === undefined ? {} : { pid: newest.pid }),
    url,
    log: place.log,
    starts,
    requests: [...runs].reduce((sum, { users }) => sum + users, 0),
  };
}

async function serve(inner: Inner, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const abandoned = new AbortController();
  response.on('close', () => abandoned.abort(new Error('the caller went away')));
  // The clock of timeoutSeconds runs from here: the time a cold start takes is part of it.
  const deadline = AbortSignal.timeout(inner.revision.timeoutMs);
  try {
    const held = await hold(incoming);
    if (inner.stopped) return plainAnswer(response, 503, 'the environment is stopping');
    const answer = await useProcess(inner, held, AbortSignal.any([deadline, abandoned.signal]));
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  } catch (error) {
    if (deadline.aborted) plainAnswer(response, 504, 'activator request timeout');
    else plainAnswer(response, 502, messageOf(error));
  }
}

async function hold(incoming: IncomingMessage): Promise<HeldRequest> {
  const { method = 'GET', url: path = '/', headers } = incoming;
  return { method, path, headers, body: await readAll(incoming) };
}

function plainAnswer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}

async function useProcess(
  inner: Inner,
  held: HeldRequest,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<typeof forward>>> {
  const run = (inner.current ??= begin(inner));
  run.users += 1;
  clearTimeout(run.idle);
  try {
    return await forward(run, held, signal);
  } finally {
    run.users -= 1;
    if (run.users === 0 && inner.runs.has(run)) rest(inner, run);
  }
}

function begin(inner: Inner): Run {
  const { context, place, revision } = inner;
  const revisionName = `${place.name}-${String(inner.revisions).padStart(5, '0')}`;
  const argv = inner.bundleOf({ command: revision.command, image: revision.image });
  const run = startRun(context, { place, revision, revisionName, argv }, changed);
  inner.runs.add(run);
  inner.starts += 1;
  void run.over.then((how) => forget(inner, run, how));
  return run;

  function changed(now: Run): void {
    // A program that does not exist has no pid; `forget` reports it.
    if (now.pid === undefined) return;
    const count = living(inner);
    if (now.state === 'starting') report(inner, now, { state: 'starting', from: count - 1, to: count });
    if (now.state === 'running') report(inner, now, { state: 'running', from: count, to: count });
  }
}

function living({ runs }: Inner): number {
  return [...runs].filter(({ pid }) => pid !== undefined).length;
}

/** A run that nobody uses: ends at once when its revision is history, after the window otherwise. */
function rest(inner: Inner, run: Run): void {
  if (run !== inner.current) return end(inner, run);
  run.idle = setTimeout(() => {
    inner.current = undefined;
    end(inner, run);
  }, run.revision.windowMs * inner.context.pace);
}

function retire(inner: Inner): void {
  const run = inner.current;
  inner.current = undefined;
  if (run === undefined || run.users > 0) return;
  end(inner, run);
}

function end(inner: Inner, run: Run): void {
  clearTimeout(run.idle);
  if (run.state === 'stopping') return;
  run.stop();
  const count = living(inner);
  report(inner, run, { state: 'stopping', from: count, to: count });
}

/** Also when it died by itself: the next request starts another. */
function forget(inner: Inner, run: Run, detail: string): void {
  const before = living(inner);
  clearTimeout(run.idle);
  inner.runs.delete(run);
  if (inner.current === run) inner.current = undefined;
  const state = run.pid === undefined ? 'failed' : 'ended';
  report(inner, run, { state, from: before, to: living(inner), detail });
}

function report(
  { context, place }: Inner,
  { pid }: Run,
  change: Omit<ProcessChange, 'kind' | 'function' | 'pid'>,
): void {
  context.trace({ kind: 'process', function: place.name, pid, ...change });
}
