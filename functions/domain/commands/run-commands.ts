/** What every command to a run in a pod has in common. */
import { containerName } from '../resources/names.ts';
import type { PodRef } from './command.ts';

/** Returns the database container of a pod, in which wal-g runs. */
export function podRef(namespace: string, pod: string): PodRef {
  return { namespace, pod, container: containerName };
}
