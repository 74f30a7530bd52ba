/** The HTTP face of a function: CloudEvents in, 204 / 503 / 400 out, `/healthz`, and a stop that loses nothing. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { HTTP, type CloudEvent, type CloudEventV1 } from 'cloudevents';
import express, { type Express, type Request, type Response } from 'express';
import { requestError } from '../../domain/request-error.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Outcome } from '../reconcile/reconcile.ts';

/** A CloudEvent as it came; data and extensions are unparsed. */
export type ReceivedEvent = CloudEventV1<unknown>;

/** Reconciles what the event refers to. A thrown RequestError counts as transient. */
export type EventHandler = (event: ReceivedEvent) => Promise<Outcome>;

export interface AppOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Handler per path; `/` for all. */
  readonly routes: Readonly<Record<string, EventHandler>>;
}

/** Resource mode carries whole objects; etcd allows 1.5 MiB. */
const bodyLimit = '2mb';

/**
 * The express app. Answers are the ones that Knative understands everywhere: 204 with empty body for done, 503 for
 * "send it again", 400 for what is no CloudEvent. Never 500, never a body that is not a CloudEvent with a 2xx.
 */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => void response.status(200).end());
  // As bytes, and CloudEvents are UTF-8: so the body parser's tables of character sets stay out of the bundle.
  app.use(express.raw({ type: () => true, limit: bodyLimit }));
  for (const [path, handler] of Object.entries(options.routes)) {
    app.post(path, (request, response) => void answer(options, handler, { request, response }));
  }
  app.use((_request: Request, response: Response) => void response.status(404).end());
  app.use((error: Error, _request: Request, response: Response, _next: unknown) => {
    options.log.warn('Request refused', { error: error.message });
    response.status(400).end();
  });
  return app;
}

async function answer(
  options: AppOptions,
  handler: EventHandler,
  { request, response }: { request: Request; response: Response },
): Promise<void> {
  const parsed = parseEvent(request);
  if ('refusal' in parsed) {
    options.log.warn('Not a CloudEvent', { refusal: parsed.refusal });
    response.status(400).type('text/plain').send(parsed.refusal);
    return;
  }
  const { event } = parsed;
  const begin = options.clock.monotonic();
  const outcome = await handle(options.log, handler, event);
  options.log.info('Event handled', {
    type: event.type,
    subject: event.subject,
    id: event.id,
    outcome: outcome.outcome,
    reason: outcome.reason,
    detail: outcome.message,
    durationMs: Math.round(options.clock.monotonic() - begin),
  });
  response.status(outcome.outcome === 'done' ? 204 : 503).end();
}

async function handle(log: Log, handler: EventHandler, event: ReceivedEvent): Promise<Outcome> {
  try {
    return await handler(event);
  } catch (error) {
    if (requestError.isTerminating(error)) {
      return { outcome: 'done', reason: 'NamespaceTerminating', message: 'the namespace is being deleted' };
    }
    if (requestError.is(error))
      return { outcome: 'retry', reason: error.reason || `Http${error.status}`, message: error.message };
    log.error('Unexpected error', { error: error instanceof Error ? error.stack : String(error) });
    return { outcome: 'retry', reason: 'UnexpectedError', message: String(error) };
  }
}

/** The body as text; express leaves it undefined when there is none. */
function bodyText({ body }: Request): string | undefined {
  return Buffer.isBuffer(body) ? body.toString('utf8') : undefined;
}

function parseEvent(request: Request): { event: ReceivedEvent } | { refusal: string } {
  if (/^application\/cloudevents-batch/i.test(request.get('content-type') ?? '')) {
    return { refusal: 'batched CloudEvents are not accepted: send one event a request, in binary or structured mode' };
  }
  try {
    const event = HTTP.toEvent({ headers: request.headers, body: bodyText(request) });
    if (Array.isArray(event)) return { refusal: 'batched CloudEvents are not accepted: send one event a request' };
    // Parsing alone lets an event without source pass.
    (event as CloudEvent<unknown>).validate();
    return { event };
  } catch (error) {
    return { refusal: `not a CloudEvent: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Longer than the 90 s after which Knative's queue-proxy gives up an idle connection, so that it never meets one that we closed. */
const keepAliveMs = 100_000;

/**
 * Listens, and on SIGTERM or SIGINT stops accepting, lets requests in flight finish, closes what `close` closes and
 * ends. As PID 1 a process without handler would ignore SIGTERM.
 */
export function serve(app: Express, port: number, close: () => void): Server {
  const inFlight = new Set<ServerResponse>();
  const server = createServer(app);
  server.on('request', (_request, response: ServerResponse) => {
    inFlight.add(response);
    response.once('close', () => inFlight.delete(response));
  });
  server.keepAliveTimeout = keepAliveMs;
  server.listen(port);
  function stop(): void {
    // A connection that is kept alive would hold the server open until its idle timeout.
    for (const response of inFlight) if (!response.headersSent) response.setHeader('Connection', 'close');
    server.close(() => {
      close();
      process.exit(0);
    });
    server.closeIdleConnections();
  }
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return server;
}
