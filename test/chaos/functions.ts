/** The processes of the functions. */
import type { Environment } from '../../local/environment-types.ts';
import type { FunctionState } from '../../local/knative/index.ts';
import { eventually } from '../support/eventually.ts';

/** The function with a process that takes requests; it is woken when it is at zero. */
export function runningFunction(environment: Environment, name: string): Promise<FunctionState & { pid: number }> {
  return eventually(`function ${name}`, async () => {
    const found = environment.functions().find((one) => one.name === name);
    if (found?.state === 'running' && found.pid !== undefined) return { ...found, pid: found.pid };
    await fetch(`${found?.url}/healthz`);
    return undefined;
  });
}

/** SIGKILL. */
export async function killFunction(environment: Environment, name: string): Promise<void> {
  const { pid } = await runningFunction(environment, name);
  process.kill(pid, 'SIGKILL');
}

/** SIGKILL to every one that runs; names of the killed. */
export function killEveryFunction(environment: Environment): string[] {
  const running = environment.functions().filter(({ pid }) => pid !== undefined);
  for (const { pid } of running) process.kill(pid!, 'SIGKILL');
  return running.map(({ name }) => name);
}
