/** The decisions of the stand-ins that need no process: paths, settings, steps of a StatefulSet. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextStep, revisionOf } from '../../local/kubernetes/controllers/statefulset-pods.ts';
import { bundleOf } from '../../local/environment.ts';
import { mapPaths, mountsOf, type Mount } from '../../local/kubernetes/kubelet/paths.ts';
import { settingsOf } from '../../local/kubernetes/kubelet/workload.ts';
import type { Pod, StatefulSet } from '../../local/kubernetes/client/objects.ts';

describe('container paths', () => {
  const mounts: Mount[] = [
    { containerPath: '/PgBackup', realPath: '/real/run', lifetime: 'layer' },
    { containerPath: '/data', realPath: '/real/data', lifetime: 'volume' },
    { containerPath: '/data/more', realPath: '/real/more', lifetime: 'volume' },
  ];
  const cases: [text: string, want: string][] = [
    ['/PgBackup', '/real/run'],
    ['dir=/PgBackup', 'dir=/real/run'],
    ['"/PgBackup"/.run', '"/real/run"/.run'],
    ['cat /PgBackup/a.log /PgBackup/b.log', 'cat /real/run/a.log /real/run/b.log'],
    ['/data/more/x', '/real/more/x'],
    ['/data/mores', '/real/data/mores'],
    ['/database', '/database'],
    ['/PgBackup.old', '/PgBackup.old'],
    ['Look into /PgBackup.', 'Look into /real/run.'],
    ['/srv/PgBackup', '/srv/PgBackup'],
    ['${dir}/PgBackup', '${dir}/PgBackup'],
    ['nothing', 'nothing'],
  ];
  for (const [text, want] of cases) it(`${text} → ${want}`, () => assert.equal(mapPaths(text, mounts), want));

  it('come from mounts; the data directory outlives the pod, /PgBackup without a volume lives as long as the container', () => {
    const container = {
      name: 'postgres',
      image: 'postgres',
      env: [{ name: 'PGDATA', value: '/data/pg' }],
      volumeMounts: [
        { name: 'd', mountPath: '/data/' },
        { name: 'b', mountPath: '/backups' },
        { name: 'e', mountPath: '/tmp/e' },
      ],
    };
    const volumes = [
      { name: 'd', persistentVolumeClaim: { claimName: 'd-postgres-0' } },
      { name: 'b', hostPath: { path: '/somewhere' } },
      { name: 'e', emptyDir: {} },
    ];
    const pod = { metadata: { name: 'postgres-0' }, spec: { containers: [container], volumes } } as unknown as Pod;
    assert.deepEqual(mountsOf(pod, container, { namespaceDir: '/ns', podDir: '/pod' }), [
      { containerPath: '/data', realPath: '/ns/volumes/d-postgres-0', lifetime: 'volume' },
      { containerPath: '/backups', realPath: '/somewhere', lifetime: 'volume' },
      { containerPath: '/tmp/e', realPath: '/pod/volumes/e', lifetime: 'pod' },
      { containerPath: '/PgBackup', realPath: '/pod/postgres/layer/PgBackup', lifetime: 'layer' },
    ]);
  });
});

it('takes settings of PostgreSQL from a command line in both spellings', () => {
  const args = ['postgres', '-c', 'archive_command=test "$X" = 1', '--wal-level=logical', '-N', '10', 'not=one'];
  assert.deepEqual(settingsOf(args), { archive_command: 'test "$X" = 1', wal_level: 'logical' });
});

it('runs the bundle that the container names, with the Node of this process', () => {
  const [node, script, ...rest] = bundleOf({ command: ['node', '/app/boot.cjs', 'backup'] });
  assert.equal(node, process.execPath);
  assert.match(script ?? '', /\/dist\/boot\.cjs$/);
  assert.deepEqual(rest, ['backup']);
  assert.throws(() => bundleOf({ command: ['sh'] }), /no bundle in the command: sh/);
});

describe('next step of a StatefulSet', () => {
  const place = { nodeName: 'local', nodeLabels: {} };
  const cases: { situation: string; replicas: number; pods: Pod[]; want: string }[] = [
    { situation: 'nothing there', replicas: 2, pods: [], want: 'create s-0' },
    { situation: 'the first is not ready yet', replicas: 2, pods: [pod(0, { ready: false })], want: 'wait' },
    { situation: 'the first is ready', replicas: 2, pods: [pod(0)], want: 'create s-1' },
    { situation: 'all there', replicas: 2, pods: [pod(0), pod(1)], want: 'wait' },
    { situation: 'one too many', replicas: 1, pods: [pod(0), pod(1)], want: 'delete s-1' },
    { situation: 'scaled to zero', replicas: 0, pods: [pod(0)], want: 'delete s-0' },
    { situation: 'one is on its way out', replicas: 2, pods: [pod(0), pod(1, { deleting: true })], want: 'wait' },
    { situation: 'the first of two is missing', replicas: 2, pods: [pod(1)], want: 'create s-0' },
    {
      situation: 'the template changed',
      replicas: 2,
      pods: [pod(0, { old: true }), pod(1, { old: true })],
      want: 'delete s-1',
    },
    {
      situation: 'the template changed, one replaced',
      replicas: 2,
      pods: [pod(0, { old: true }), pod(1)],
      want: 'delete s-0',
    },
    {
      situation: 'the old one never got ready',
      replicas: 1,
      pods: [pod(0, { old: true, ready: false })],
      want: 'delete s-0',
    },
  ];
  for (const { situation, replicas, pods, want } of cases) {
    it(`${situation}: ${want}`, () => {
      const step = nextStep(set(replicas), pods, place);
      const name = step.do === 'wait' ? '' : ` ${(step.pod as Pod).metadata.name}`;
      assert.equal(`${step.do}${name}`, want);
    });
  }
});

function set(replicas: number): StatefulSet {
  return {
    metadata: { name: 's', namespace: 'n', uid: 'u', resourceVersion: '1' },
    spec: { replicas, template: { spec: { containers: [] } } },
  };
}

function pod(ordinal: number, state: { ready?: boolean; deleting?: boolean; old?: boolean } = {}): Pod {
  return {
    metadata: {
      name: `s-${ordinal}`,
      namespace: 'n',
      uid: `pod-${ordinal}`,
      resourceVersion: '1',
      labels: { 'controller-revision-hash': state.old === true ? 's-old' : revisionOf(set(0)) },
      ...(state.deleting === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status: state.ready === false ? 'False' : 'True' }] },
  };
}
