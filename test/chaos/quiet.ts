/** Waits until a case has come to rest: nothing is unfinished, untold or running, and nothing changes any more. */
import { rotationOwed } from '../../functions/domain/rotation-owed.ts';
import type { PgBackup, PgManager } from '../../functions/domain/resources.ts';
import { eventually } from '../support/eventually.ts';
import { livingRuns } from './processes.ts';
import { patience, type Stage } from './stage.ts';
import { stories, type StoryName } from './stories.ts';

/** Nothing was written between two looks so far apart (milliseconds). */
const restMs = 2_000;

/** The ending of the story; why it did not come to rest, in words, when it did not. */
export async function untilQuiet(stage: Stage): Promise<string> {
  let before = '';
  let since = performance.now();
  let obstacle = '';
  try {
    return await eventually(
      'rest',
      async () => {
        const [backups, manager] = [await stage.shop.pgbs(), await stage.shop.pgm()];
        const ending = await stories[stage.function as StoryName].ending(stage);
        obstacle = ending === undefined ? 'the story has not ended' : await whatIsOpen(stage, backups, manager);
        const versions = JSON.stringify([...backups, manager].map(({ metadata }) => metadata.resourceVersion));
        if (obstacle !== '' || versions !== before) since = performance.now();
        before = versions;
        return performance.now() - since >= restMs ? ending : undefined;
      },
      patience,
    );
  } catch (error) {
    return `not at rest after ${patience} s: ${obstacle}${causeOf(error)}`;
  }
}

async function whatIsOpen(stage: Stage, backups: readonly PgBackup[], manager: PgManager): Promise<string> {
  const unfinished = backups.find(({ status }) => status.announced !== status.state || status.finishTime === undefined);
  if (unfinished !== undefined) return `${unfinished.metadata.name} is ${unfinished.status.state ?? 'untouched'}`;
  const { backup, rotation } = manager.status.conditions;
  if (backup?.running !== undefined) return `conditions.backup says that ${backup.running} is running`;
  // A failed one is tried again ten minutes later: that is rest enough.
  if (rotationOwed(manager) && !isLeftAlone(rotation)) return 'a rotation is owed';
  const timers = await stage.shop.kubectl('get', 'pingsource', '-n', stage.namespace, '-o', 'name');
  const left = timers.split('\n').filter((name) => name !== '' && !name.includes('aidboxops-slot-'));
  if (left.length > 0) return `timers are left: ${left.join(', ')}`;
  const alive = livingRuns(stage.prefix);
  return alive.length > 0 ? `processes are alive: ${alive.join(', ')}` : '';
}

function isLeftAlone(rotation: PgManager['status']['conditions']['rotation']): boolean {
  return rotation?.status === 'error' && rotation.running === undefined && rotation.outbox === undefined;
}

function causeOf(error: unknown): string {
  const { cause } = error as Error;
  return cause instanceof Error ? ` (${cause.message.slice(0, 200)})` : '';
}
