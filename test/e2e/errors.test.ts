/** Errors in the local environment. */
import { openLocalCluster } from '../support/local-cluster.ts';
import { errors } from './stories/errors.ts';

errors((namespace) => openLocalCluster('errors', { namespace }));
