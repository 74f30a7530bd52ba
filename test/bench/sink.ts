/** A Broker that takes every event and forgets it. */
import { listen, type Listening } from '../../local/knative/core/http.ts';

/** Starts it; its URL is for `K_SINK`. */
export function startSink(): Promise<Listening> {
  return listen((request, response) => void request.resume().on('end', () => response.writeHead(202).end()));
}
