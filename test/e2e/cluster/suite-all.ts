/** What `npm run e2e -- --all` runs; the stories after the others uninstall. */
import './suite.ts';
import './events.suite.ts';
import './figures.suite.ts';
import './roles.suite.ts';
import './upgrade.suite.ts';
import './chaos.suite.ts';
import { uninstallation } from '../stories/installation.ts';
import { namespaced } from '../stories/namespaced.ts';
import { openInCluster } from './open.ts';

uninstallation(openInCluster);
namespaced(openInCluster);
