/** A function as a process of its own, for what only a process can show: its handler waits until its parent says so. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../functions/platform/clock.ts';
import { createApp, serve } from '../../functions/platform/serve/server.ts';
import { createLog } from '../../functions/platform/log.ts';

const app = createApp({
  log: createLog('test', () => undefined),
  clock: systemClock,
  routes: {
    '/': async () => {
      const goOn = once(process, 'message');
      process.send?.('handling');
      await goOn;
      return { outcome: 'done', reason: 'Tested', message: '' };
    },
  },
});

const server = serve(app, 0, () => process.send?.('closed'));
await once(server, 'listening');
process.send?.({ port: (server.address() as AddressInfo).port });
