import type { Manifest } from '../resources/manifest.ts';
import { brokerName, installationNamespace, label } from '../resources/names.ts';
import { timerName, type Timer } from '../events/timer.ts';

/**
 * The PingSource of a timer, in its owner's namespace, into the Broker of the installation. No `blockOwnerDeletion`:
 * that would need rights on the owner's finalizers.
 */
export function buildPingSource(timer: Timer): Manifest {
  const { owner, purpose } = timer;
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'PingSource',
    metadata: {
      name: timerName(purpose, owner.uid),
      namespace: owner.namespace,
      labels: { [label.managedBy]: 'aidboxops' },
      ownerReferences: [{ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid }],
    },
    spec: {
      schedule: timer.schedule,
      timezone: 'UTC',
      contentType: 'application/json',
      data: JSON.stringify(timer.data),
      ceOverrides: { extensions: { pgpurpose: purpose, pgnamespace: owner.namespace, pgname: owner.name } },
      sink: {
        ref: {
          apiVersion: 'eventing.knative.dev/v1',
          kind: 'Broker',
          name: brokerName,
          namespace: installationNamespace,
        },
      },
    },
  };
}
