/** The API server and etcd come up, and go without a trace. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { createKube } from '../../functions/platform/kubernetes/client.ts';
import { getAssets } from '../../local/assets/index.ts';
import { startControlPlane, type ControlPlaneOptions } from '../../local/kubernetes/control-plane/index.ts';
import { openProcessList, processesLeft } from '../../local/machine/processes.ts';
import { silentProgress } from '../../local/machine/progress.ts';

const dir = mkdtempSync(join(tmpdir(), 'aidboxops-control-plane-'));
const assets = await getAssets(silentProgress());
after(() => rmSync(dir, { recursive: true, force: true }));

describe('control plane', () => {
  it('is ready within seconds, side by side with another, and leaves nothing running', async () => {
    const [first, second] = await Promise.all(['a', 'b'].map((name) => startControlPlane(below(name))));
    assert.notEqual(first!.url, second!.url);
    assert.equal(first!.auditLogPath, undefined);
    assert.equal(statSync(first!.kubeConfigPath).mode & 0o077, 0);
    assert.equal(processesLeft(join(dir, 'a')).length, 2);
    await Promise.all([first!.stop(), second!.stop()]);
    assert.deepEqual(processesLeft(join(dir, 'a')), []);
    assert.deepEqual(processesLeft(join(dir, 'b')), []);
  });

  it('can be killed and started again: same address, same objects, and nothing left at the end', async () => {
    const options = below('restarted');
    const controlPlane = await startControlPlane(options);
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(controlPlane.kubeConfigPath);
    const kube = createKube(kubeConfig);
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' } };
    await kube.create('/api/v1/namespaces/default/configmaps', object);
    const before = controlPlane.pids;
    await controlPlane.restartApiServer();
    assert.notEqual(controlPlane.pids.kubeApiserver, before.kubeApiserver);
    assert.equal(controlPlane.pids.etcd, before.etcd);
    assert.ok(await kube.get('/api/v1/namespaces/default/configmaps/kept'));
    kube.close();
    await controlPlane.stop();
    assert.deepEqual(processesLeft(options.dir), []);
  });

  it('shows the end of the log when a part does not start', async () => {
    const broken = join(dir, 'broken');
    writeFileSync(broken, '#!/bin/sh\necho "cannot read my data"; exit 7\n', { mode: 0o755 });
    const options = below('c', broken);
    await assert.rejects(startControlPlane(options), /etcd ended with exit code 7[^]*cannot read my data/);
  });

  it('leaves nothing running when it fails after the API server came up', async () => {
    const options = below('e');
    mkdirSync(join(options.dir, 'kubeconfig'));
    await assert.rejects(startControlPlane(options), /EISDIR/);
    assert.deepEqual(processesLeft(options.dir), []);
  });

  it('tries other ports when one was taken meanwhile', async () => {
    const unlucky = join(dir, 'unlucky');
    const script = `#!/bin/sh
      if [ ! -e ${unlucky}.tried ]; then : > ${unlucky}.tried; echo "bind: address already in use"; exit 1; fi
      exec ${assets.etcd} "$@"\n`;
    writeFileSync(unlucky, script, { mode: 0o755 });
    const options = below('d', unlucky);
    await (await startControlPlane(options)).stop();
    assert.deepEqual(processesLeft(options.dir), []);
  });
});

/** A control plane in a directory of its own. */
function below(name: string, etcd = assets.etcd): ControlPlaneOptions {
  const own = join(dir, name);
  return { dir: own, processList: openProcessList(own), binaries: { ...assets, etcd } };
}
