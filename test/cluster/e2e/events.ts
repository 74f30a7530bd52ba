/** Events posted to the Broker from inside the cluster, as somebody with a pod there could. */
import { apply, kubectl, target } from './target.ts';

const pod = 'poster';
const broker = 'http://broker-ingress.knative-eventing.svc.cluster.local/aidboxops/aidboxops';

/** A pod with Node.js from which events are posted; made once. */
async function ensurePod(): Promise<void> {
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod, namespace: 'default' },
    spec: {
      containers: [{ name: pod, image: target.projectImage, command: ['node', '-e', 'setInterval(() => {}, 1e9)'] }],
      terminationGracePeriodSeconds: 0,
    },
  });
  await kubectl('wait', '-n', 'default', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s');
}

/** What a tick of the static PingSource `sweep` or `probe` is to the functions. */
export async function tick(purpose: 'sweep' | 'probe'): Promise<void> {
  await ensurePod();
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': crypto.randomUUID(),
    'ce-type': 'dev.knative.sources.ping',
    'ce-source': `/apis/v1/namespaces/aidboxops/pingsources/${purpose}`,
    'ce-time': new Date().toISOString(),
    'ce-pgpurpose': purpose,
  };
  const script = `fetch(${JSON.stringify(broker)}, { method: 'POST', headers: ${JSON.stringify(headers)} })
    .then((answer) => process.exit(answer.status === 202 ? 0 : 1))`;
  await kubectl('exec', '-n', 'default', pod, '--', 'node', '-e', script);
}
