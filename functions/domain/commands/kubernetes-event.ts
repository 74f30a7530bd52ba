import type { Manifest } from '../resources/manifest.ts';
import { apiVersion } from '../resources/names.ts';
import { oneLine } from '../text.ts';
import { rfc3339, type UnixSeconds } from '../time.ts';

/** What happened to an object, for `kubectl describe`. */
export interface Occurrence {
  readonly object: {
    readonly kind: 'PgManager' | 'PgBackup';
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
  };
  /** Names the transition within the object: the same transition makes the same Event name. Lower-case. */
  readonly transition: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly time: UnixSeconds;
  /** The function that reports it. */
  readonly reporter: string;
}

/** A v1 Event whose name is derived from object and transition, so that AlreadyExists means done. */
export function buildKubernetesEvent(occurrence: Occurrence): Manifest {
  const { object, time } = occurrence;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `aidboxops-${object.uid}-${occurrence.transition}`.toLowerCase(),
      namespace: object.namespace,
    },
    involvedObject: { apiVersion, kind: object.kind, name: object.name, namespace: object.namespace, uid: object.uid },
    type: occurrence.type,
    reason: occurrence.reason,
    message: oneLine(occurrence.message.split('\n', 1)[0] ?? ''),
    source: { component: `aidboxops-${occurrence.reporter}` },
    reportingComponent: `aidboxops-${occurrence.reporter}`,
    firstTimestamp: rfc3339(time),
    lastTimestamp: rfc3339(time),
    count: 1,
  };
}
