/** Entry point of the backup function. */
import { start } from '../platform/serve/start.ts';
import { createBackupHandler } from './handler.ts';

start('backup', ({ effects, clock, environment }) => ({
  '/': createBackupHandler(effects, clock, environment.AIDBOX_NAMESPACE),
}));
