/** What `npm run e2e -- --main` runs: the installation, the main job and restores. */
import { installation } from '../stories/installation.ts';
import { mainJob } from '../stories/main-job.ts';
import { atRest } from './at-rest.suite.ts';
import { openInCluster } from './open.ts';

installation(openInCluster);
mainJob(openInCluster);
atRest();
