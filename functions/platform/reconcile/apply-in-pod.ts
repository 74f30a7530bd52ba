/** Carries out commands in a database pod. The next inspection shows their result, so no answer is relied on here. */
import type { Command } from '../../domain/commands/command.ts';
import type { Log } from '../log.ts';
import type { Runner } from '../run/runner.ts';
import type { RunnerResult } from '../../domain/run/observed-run.ts';

/** Commands of this kind. */
export type PodCommand = Extract<Command, { type: 'start' | 'stop' | 'prune' }>;

/** Sends the command to the pod and logs the answer. */
export async function applyInPod(effects: { runner: Runner; log: Log }, command: PodCommand): Promise<'applied'> {
  const { namespace, pod } = command.pod;
  const result = await send(effects.runner, command);
  const fields = { command: command.type, pod: `${namespace}/${pod}` };
  if (result.ok) effects.log.info('Pod answered', { ...fields, answer: result.value });
  else effects.log.warn('Pod gave no answer', { ...fields, problem: result.problem });
  return 'applied';
}

function send(runner: Runner, command: PodCommand): Promise<RunnerResult<unknown>> {
  switch (command.type) {
    case 'start':
      return runner.start(command.pod, command.request);
    case 'stop':
      return runner.stop(command.pod, { id: command.id, kind: command.kind, dir: command.directory });
    case 'prune':
      return runner.prune(command.pod, { dir: command.directory, runs: command.runs });
  }
}
