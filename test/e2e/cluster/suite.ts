/** What `npm run e2e` runs, in this order: later parts need what the first installs. */
import './suite-main.ts';
import { errors } from '../stories/errors.ts';
import { execUser } from './exec-user.suite.ts';
import { openInCluster } from './open.ts';

errors(openInCluster);
execUser();
