/** Somebody's own Trigger: README's example hears what the functions announce, and it is as published. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { assertAsPublished, type SeenEvent } from '../../support/outside.ts';
import { follow } from './install.ts';
import { openInCluster } from './open.ts';
import { kubectl } from './target.ts';

describe('a Trigger of your own', () => {
  test("README's example prints the success of a backup, and its data is as its schema says", async (context) => {
    const cluster = await openInCluster('events');
    context.after(() => cluster.close());
    await cluster.database();
    await follow('event-log');
    await kubectl(
      'wait',
      '-n',
      'aidboxops',
      'ksvc/event-log',
      'trigger/event-log',
      '--for=condition=Ready',
      '--timeout=120s',
    );
    await cluster.backup('told');
    const backup = await cluster.finished('told', 120);
    const type = 'pg.aidbox.backup.succeeded.v1';
    const line = await eventually(`${type} of this backup`, async () =>
      (await printed()).find((each) => each.includes(`${type} pgbackup/events/told `)),
    );
    const data: unknown = JSON.parse(line.slice(line.indexOf('{')));
    const event: SeenEvent = { id: '', type, source: '', subject: 'pgbackup/events/told', data };
    assertAsPublished(event);
    assert.ok(JSON.stringify(data).includes(backup.metadata.uid));
  });
});

async function printed(): Promise<string[]> {
  const selector = 'serving.knative.dev/service=event-log';
  const text = await kubectl('logs', '-n', 'aidboxops', '-l', selector, '-c', 'printer', '--tail=-1');
  return text.split('\n');
}
