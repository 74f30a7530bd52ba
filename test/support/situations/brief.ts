/** Commands in a few words, as tables of tests want them. */
import type { Command } from '../../../functions/domain/commands/command.ts';
import type { OwnEvent } from '../../../functions/domain/events/cloud-event.ts';

type Of<Type extends Command['type']> = Extract<Command, { readonly type: Type }>;

const words: { readonly [Type in Command['type']]: (command: Of<Type>) => string } = {
  applyStatus: (command) => ['status', command.target.name, ...stateIn(command)].filter(Boolean).join(' '),
  createBackup: ({ backup }) => `create ${backup.metadata.name}`,
  removeBackup: ({ target }) => `remove ${target.name}`,
  applyTimer: ({ timer }) => `timer ${timer.purpose} ${timer.owner.name}`,
  removeTimer: ({ name }) => `no timer ${name}`,
  recordEvent: ({ event }) => briefEvent(event),
  post: ({ events, then }) => [`post ${events.map(briefPost).join(', ')}`, ...then.map(brief)].join(', then '),
  start: ({ request }) => ['start', request.id, 'cut' in request ? request.cut : ''].join(' ').trim(),
  stop: ({ kind, id }) => `stop ${kind} ${id}`,
  prune: ({ runs }) => `prune ${runs.map(({ id, name = id }) => name).join(' ')}`,
};

/** Returns the kind of a command and what it is about, such as `status daily error WalgError (started)`. */
export function brief(command: Command): string {
  return (words[command.type] as (command: Command) => string)(command);
}

/** Returns what a PgBackup's status says, or the condition of a PgManager; nothing of its schedule. */
function stateIn(command: Of<'applyStatus'>): (string | undefined)[] {
  if (command.kind === 'PgManager') {
    const conditions = (command.status.conditions ?? {}) as Readonly<Record<string, { readonly status?: string }>>;
    return Object.values(conditions).map(({ status }) => status);
  }
  const { state, reason, announced } = command.status;
  return [state, reason, announced === undefined ? undefined : `(${announced})`];
}

/** Returns type, reason and subject of a Kubernetes Event. */
function briefEvent(event: object): string {
  const { type, reason, involvedObject } = event as {
    type: string;
    reason: string;
    involvedObject: { name: string };
  };
  return `event ${type} ${reason} on ${involvedObject.name}`;
}

function briefPost({ type, id }: OwnEvent): string {
  return `${type.replace('pg.aidbox.', '').replace('.v1', '')} ${id}`;
}
