/** What is there at rest. Only Knative itself has pods, and writes the sink of a SinkBinding into a Knative Service. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { functionNames } from '../../../tools/build.ts';
import { kubectl } from './target.ts';

/** Registers these tests. */
export function atRest(): void {
  describe('at rest', () => {
    test('every function knows its sink', async () => {
      for (const name of functionNames()) {
        const path = "{.spec.template.spec.containers[0].env[?(@.name=='K_SINK')].value}";
        const sink = await kubectl('get', 'ksvc', '-n', 'aidboxops', name, '-o', `jsonpath=${path}`);
        assert.equal(sink, 'http://broker-ingress.knative-eventing.svc.cluster.local/aidboxops/aidboxops');
      }
    });

    test('nothing of ours runs but the adapter', async () => {
      const path = '{range .items[*]}{.metadata.labels.eventing\\.knative\\.dev/source}{"\\n"}{end}';
      const pods = await kubectl('get', 'pods', '-n', 'aidboxops', '-o', `jsonpath=${path}`);
      assert.deepEqual(pods.trim().split('\n'), ['apiserver-source-controller']);
    });
  });
}
