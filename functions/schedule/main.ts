/** Entry point of the schedule function. */
import { start } from '../platform/serve/start.ts';
import { createScheduleHandler } from './handler.ts';
import { createUndeliveredHandler } from './dead-letters.ts';

start('schedule', ({ effects, clock, environment }) => ({
  '/': createScheduleHandler(effects, clock, environment.AIDBOX_NAMESPACE),
  '/undelivered': createUndeliveredHandler(effects),
}));
