/** A pod beside the product: it posts events to the Broker, and hears what the functions announce. */
import { completed, everythingFor, type MadeUpEvent, type SeenEvent } from '../../support/outside.ts';
import { apply, kubectl, target } from './target.ts';

const pod = 'outside';
const broker = 'http://broker-ingress.knative-eventing.svc.cluster.local/aidboxops/aidboxops';

/** Keeps the functions' own events, and shows them to whoever asks. */
const program = `
const seen = [];
require('node:http').createServer(async (request, response) => {
  if (request.method === 'GET') return response.end(JSON.stringify(seen));
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const [id, type, source, subject] = ['id', 'type', 'source', 'subject'].map((name) => request.headers['ce-' + name]);
  if (type.startsWith('pg.aidbox.'))
    seen.push({ id, type, source, subject: subject ?? '', data: JSON.parse(Buffer.concat(chunks).toString()) });
  response.writeHead(202).end();
}).listen(8080);`;

/** Posts an event. */
export async function post(event: MadeUpEvent): Promise<void> {
  await ensurePod();
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(completed(event)),
  };
  await runNode(`fetch(${JSON.stringify(broker)}, ${JSON.stringify(request)})
    .then((answer) => process.exit(answer.status === 202 ? 0 : 1))`);
}

/** Subscribes the pod to everything that passes the Broker. */
export async function subscribe(): Promise<() => Promise<readonly SeenEvent[]>> {
  await ensurePod();
  const address = await kubectl('get', 'pod', '-n', 'default', pod, '-o', 'jsonpath={.status.podIP}');
  await apply(everythingFor(`http://${address}:8080`));
  await kubectl('wait', '-n', 'aidboxops', 'trigger/everything', '--for=condition=Ready', '--timeout=60s');
  const show =
    "fetch('http://127.0.0.1:8080').then((answer) => answer.text()).then((text) => process.stdout.write(text))";
  return async () => JSON.parse(await runNode(show)) as SeenEvent[];
}

function runNode(script: string): Promise<string> {
  return kubectl('exec', '-n', 'default', pod, '--', 'node', '-e', script);
}

/** Makes the pod once. */
async function ensurePod(): Promise<void> {
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod, namespace: 'default' },
    spec: {
      containers: [{ name: pod, image: target.projectImage, command: ['node', '-e', program] }],
      terminationGracePeriodSeconds: 0,
    },
  });
  await kubectl('wait', '-n', 'default', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s');
}
