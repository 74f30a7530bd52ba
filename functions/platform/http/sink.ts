/** Posts our own CloudEvents to K_SINK, the Broker that the SinkBinding names. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { CloudEvent, HTTP } from 'cloudevents';
import type { OwnEvent } from '../../domain/events/cloud-event.ts';
import { requestError } from '../../domain/request-error.ts';
import { rfc3339 } from '../../domain/time.ts';
import { requestOnce } from './request.ts';

export interface Sink {
  /** Resolves when the Broker has accepted the event (2xx); throws a `RequestError` otherwise. */
  post(event: OwnEvent): Promise<void>;
  close(): void;
}

/** A sink at `url`. Without one (K_SINK not bound yet) every post fails, and announcements stay pending. */
export function createSink(url: string | undefined): Sink {
  if (url === undefined || url === '') {
    return {
      post: () => Promise.reject(requestError.of(0, 'NoSink', 'K_SINK is not set: is the SinkBinding ready?')),
      close: () => undefined,
    };
  }
  const target = new URL(url);
  const agent = new (target.protocol === 'http:' ? HttpAgent : HttpsAgent)({ keepAlive: true, maxSockets: 4 });
  return {
    async post(event) {
      const message = HTTP.binary(
        new CloudEvent({
          id: event.id,
          type: event.type,
          source: event.source,
          subject: event.subject,
          datacontenttype: 'application/json',
          ...(event.time === undefined ? {} : { time: rfc3339(event.time) }),
          ...event.extensions,
          data: event.data,
        }),
      );
      const answer = await requestOnce(
        {
          agent,
          protocol: target.protocol,
          host: target.hostname,
          port: target.port,
          method: 'POST',
          path: target.pathname + target.search,
          headers: message.headers,
        },
        message.body as string,
      );
      if (answer.status < 200 || answer.status >= 300) {
        throw requestError.of(answer.status, 'SinkRefused', `POST ${url}: ${answer.text.slice(0, 300)}`);
      }
    },
    close: () => agent.destroy(),
  };
}
