/** The main job in the local environment. */
import { openLocalCluster } from '../support/local-cluster.ts';
import { mainJob } from './stories/main-job.ts';

mainJob((namespace) => openLocalCluster('main-job', { namespace }));
