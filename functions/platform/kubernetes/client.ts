/** REST to the Kubernetes API server: a few URL shapes over one keep-alive connection pool. */
import type { RequestOptions } from 'node:http';
import { Agent } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { DateTime } from 'luxon';
import { requestError } from '../../domain/request-error.ts';
import type { UnixSeconds } from '../../domain/time.ts';
import { requestOnce, type Answer } from '../http/request.ts';
import { toYamlSafeJson } from './yaml.ts';

/** One page of a list; `continue` is undefined on the last page. Items are unparsed. */
export interface Page {
  readonly items: readonly unknown[];
  readonly continue?: string | undefined;
}

/** What a list may be narrowed by. `limit` defaults to 500 objects. */
export interface Selection {
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
}

/** Who writes, and how: `force` takes over fields of other managers (only timers do that). */
export interface ApplyOptions {
  readonly fieldManager: string;
  readonly force?: boolean | undefined;
  readonly subresource?: 'status' | undefined;
}

/**
 * The API server as the functions see it. Every call has a deadline and throws a `RequestError` (domain/request-error.ts)
 * whose `status` is the HTTP status, or 0 when there was no answer.
 */
export interface Kube {
  /** The object at this API path, or undefined when there is none (404). */
  get(path: string): Promise<unknown>;
  /** One page of a collection. */
  list(path: string, selection?: Selection): Promise<Page>;
  /** Server-side apply; returns the object as it is now. */
  apply(path: string, object: object, options: ApplyOptions): Promise<unknown>;
  /** Creates; `exists` when the name is taken. */
  create(path: string, object: object): Promise<'created' | 'exists'>;
  /** Deletes only this incarnation; `gone` when it or the name is not there any more. */
  remove(path: string, uid?: string): Promise<'removed' | 'gone'>;
  /**
   * The API server's clock, from the Date header of the newest answer (1 s resolution, UTC): one clock together with
   * creationTimestamps, whatever the clock of this process says. Undefined before the first answer.
   */
  serverTime(): DateTime | undefined;
  /** Closes the connection pool. */
  close(): void;
}

/** The API server's clock in the domain's unit; 1970 before the first answer. */
export function serverNow(kube: Pick<Kube, 'serverTime'>): UnixSeconds {
  return Math.floor(kube.serverTime()?.toSeconds() ?? 0);
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object | undefined;
  readonly isApply?: boolean;
}

const applyPatch = 'application/apply-patch+yaml';

const credentialsLifetimeMs = 30_000;

/** Connects with the credentials of `kubeConfig`; tokens are read again every 30 s because Kubernetes rotates them. */
export function createKube(kubeConfig: KubeConfig): Kube {
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('kubeconfig has no current cluster: set KUBECONFIG or run in a pod');
  const base = new URL(server);
  let agent: Agent | undefined;
  let credentials: { readAt: number; options: RequestOptions } | undefined;
  let newestDate: DateTime | undefined;

  async function requestOptions(): Promise<RequestOptions> {
    if (credentials === undefined || performance.now() - credentials.readAt > credentialsLifetimeMs) {
      const options: RequestOptions & { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean } = {};
      await kubeConfig.applyToHTTPSOptions(options);
      const { ca, cert, key } = options;
      agent ??= new Agent({
        keepAlive: true,
        maxSockets: 4,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert, key }),
        rejectUnauthorized: options.rejectUnauthorized ?? true,
      });
      credentials = { readAt: performance.now(), options: { headers: options.headers ?? {}, auth: options.auth } };
    }
    return { ...credentials.options, agent: agent! };
  }

  async function call(what: Call): Promise<unknown> {
    const options = await requestOptions();
    const answer = await requestOnce(
      {
        ...options,
        host: base.hostname,
        port: base.port || 443,
        method: what.method,
        path: `${base.pathname.replace(/\/$/, '')}${target(what)}`,
        headers: {
          ...(options.headers as Record<string, string>),
          Accept: 'application/json',
          ...(what.body === undefined
            ? {}
            : { 'Content-Type': what.isApply === true ? applyPatch : 'application/json' }),
        },
      },
      bodyOf(what),
    );
    const date = DateTime.fromHTTP(answer.headers.date ?? '', { zone: 'utc' });
    if (date.isValid && (newestDate === undefined || date > newestDate)) newestDate = date;
    return parseAnswer(what, answer);
  }

  return {
    async get(path) {
      try {
        return await call({ method: 'GET', path });
      } catch (error) {
        if (requestError.isNotFound(error)) return undefined;
        throw error;
      }
    },
    async list(path, selection = {}) {
      const { limit = 500, ...rest } = selection;
      const body = (await call({ method: 'GET', path, query: { ...rest, limit: String(limit) } })) as {
        items?: unknown;
        metadata?: { continue?: string };
      };
      return {
        items: Array.isArray(body.items) ? (body.items as unknown[]) : [],
        continue: body.metadata?.continue === '' ? undefined : body.metadata?.continue,
      };
    },
    apply(path, object, options) {
      return call({
        method: 'PATCH',
        path: options.subresource === undefined ? path : `${path}/${options.subresource}`,
        query: { fieldManager: options.fieldManager, force: options.force === true ? 'true' : undefined },
        body: object,
        isApply: true,
      });
    },
    async create(path, object) {
      try {
        await call({ method: 'POST', path, body: object });
        return 'created';
      } catch (error) {
        if (requestError.isAlreadyExists(error)) return 'exists';
        throw error;
      }
    },
    async remove(path, uid) {
      try {
        const body =
          uid === undefined ? undefined : { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } };
        await call({ method: 'DELETE', path, body });
        return 'removed';
      } catch (error) {
        // 409 is the uid precondition: the object of that name is another one, so ours is gone.
        if (requestError.isNotFound(error) || requestError.isConflict(error)) return 'gone';
        throw error;
      }
    },
    serverTime: () => newestDate,
    close: () => agent?.destroy(),
  };
}

function bodyOf({ body, isApply }: Call): string | undefined {
  if (body === undefined) return undefined;
  return isApply === true ? toYamlSafeJson(body) : JSON.stringify(body);
}

function target({ path, query = {} }: Call): string {
  const parameters = new URLSearchParams(definedEntries(query)).toString();
  return parameters === '' ? path : `${path}?${parameters}`;
}

function definedEntries(query: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
}

function parseAnswer(what: Call, answer: Answer): unknown {
  const body = parseJson(answer.text);
  if (answer.status >= 200 && answer.status < 300) return body;
  const status = (typeof body === 'object' && body !== null ? body : {}) as { reason?: string; message?: string };
  const message = status.message ?? answer.text.slice(0, 300);
  throw requestError.of(answer.status, status.reason ?? '', `${what.method} ${what.path}: ${message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
