/** Installs exactly as README says, and looks at what is there then. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { follow, setImage } from './install.ts';
import { functionNames } from './replicas.ts';
import { kubectl, target } from './target.ts';

describe('installation', () => {
  test('what has to be there is there', async () => {
    setImage(target.projectImage);
    assert.equal((await follow('install-check')).trim().split('\n').length, 4, 'a headline and three definitions');
  });

  test('definitions, functions and sources become ready with the commands of README', async () => {
    const printed = await follow('install');
    assert.match(printed, /customresourcedefinition\.apiextensions\.k8s\.io\/pgmanagers\.aidbox\.pg condition met/);
    for (const name of functionNames)
      assert.match(printed, new RegExp(`service\\.serving\\.knative\\.dev/${name} condition met`));
    const sources = 'apiserversources,pingsources,sinkbindings';
    await kubectl('wait', '-n', 'aidboxops', sources, '--all', '--for=condition=Ready', '--timeout=120s');
  });

  test('every function knows its sink and goes to zero', async () => {
    for (const name of functionNames) {
      const path = "{.spec.template.spec.containers[0].env[?(@.name=='K_SINK')].value}";
      const sink = await kubectl('get', 'ksvc', '-n', 'aidboxops', name, '-o', `jsonpath=${path}`);
      assert.equal(sink, 'http://broker-ingress.knative-eventing.svc.cluster.local/aidboxops/aidboxops');
    }
    await eventually('functions at zero', async () => ((await podsOfFunctions()).length === 0 ? true : undefined), 180);
  });
});

/** Names of pods of functions, those that are ending included. */
async function podsOfFunctions(): Promise<string[]> {
  const text = await kubectl('get', 'pods', '-n', 'aidboxops', '-l', 'serving.knative.dev/service', '-o', 'name');
  return text.split('\n').filter(Boolean);
}
