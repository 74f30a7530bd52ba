/** Entry point of the storage function. */
import { start } from '../platform/serve/start.ts';
import { createStorageHandler } from './handler.ts';

start('storage', ({ effects, clock, environment }) => ({
  '/': createStorageHandler(effects, clock, environment.AIDBOX_NAMESPACE),
}));
