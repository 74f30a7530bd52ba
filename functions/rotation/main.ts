/** Entry point of the rotation function. */
import { start } from '../platform/serve/start.ts';
import { createRotationHandler } from './handler.ts';

start('rotation', ({ effects, clock, environment }) => ({
  '/': createRotationHandler(effects, clock, environment.AIDBOX_NAMESPACE),
}));
