/** Asks over HTTP whether something is ready. */
import type { ClientRequest } from 'node:http';

/** Says whether a request is answered with success, as an HTTP probe of Kubernetes understands it. */
export function answersOk(request: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    request.on('response', (answer) => {
      answer.resume();
      const { statusCode = 0 } = answer;
      resolve(statusCode >= 200 && statusCode < 400);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
