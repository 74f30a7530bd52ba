/** Dead letters: events that no retry could deliver. One log line each, and a Warning Event on the object that they name. */
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { eventSubjectOf } from './event-subject.ts';
import { path } from '../domain/resources/api-paths.ts';
import type { Effects } from '../platform/reconcile/apply.ts';
import type { EventHandler } from '../platform/serve/server.ts';
import { serverNow } from '../platform/kubernetes/client.ts';

const maxDestination = 200;

/** Always done: a dead letter that is sent again would only be dead again. The sweep does the work that it asked for. */
export function createUndeliveredHandler(effects: Effects): EventHandler {
  return async (event) => {
    const code = text(event['knativeerrorcode']);
    const destination = text(event['knativeerrordest'])?.slice(0, maxDestination);
    effects.log.error('Event undelivered', {
      type: event.type,
      subject: event.subject,
      id: event.id,
      code,
      destination,
    });
    const named = eventSubjectOf(event);
    if (named === undefined) return { outcome: 'done', reason: 'Undelivered', message: 'names no object of ours' };
    const { kind, namespace, name } = named;
    const at = kind === 'PgManager' ? path.manager(namespace, name) : path.backup(namespace, name);
    const object = (await effects.kube.get(at)) as { metadata?: { uid?: string } } | undefined;
    const uid = object?.metadata?.uid;
    if (uid === undefined) return { outcome: 'done', reason: 'Undelivered', message: 'the object is gone' };
    const record = buildKubernetesEvent({
      object: { ...named, uid },
      transition: `undelivered-${event.id.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 80)}x`,
      type: 'Warning',
      reason: 'Undelivered',
      message: `event ${event.type} could not be delivered${whereTo(destination, code)}; the next sweep does its work`,
      time: serverNow(effects.kube),
      reporter: 'schedule',
    });
    await effects.kube.create(path.events(namespace), record);
    return { outcome: 'done', reason: 'Undelivered', message: `${kind} ${namespace}/${name}` };
  };
}

/** Without an answer Knative does not say which subscriber failed. It may be a Trigger of a user's own. */
function whereTo(destination: string | undefined, code: string | undefined): string {
  return destination === undefined
    ? ': a subscriber gave no answer in time'
    : ` to ${destination} (${code ?? 'no code'})`;
}

/** Extension attributes are strings, numbers or booleans; anything else was forged. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
