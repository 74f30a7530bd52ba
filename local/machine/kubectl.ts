/** kubectl for an environment. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Runs kubectl and returns its stdout; `input` goes to stdin. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

/** kubectl with the credentials of the environment; its cache of API discovery stays below `dir`. */
export function kubectlRunner(path: string, kubeConfigPath: string, dir: string): Kubectl {
  const env = { ...process.env, KUBECONFIG: kubeConfigPath, KUBECACHEDIR: join(dir, 'kubectl-cache') };
  return async (args, input) => {
    const running = promisify(execFile)(path, args, { env, maxBuffer: 64 * 1024 * 1024 });
    const { stdin } = running.child;
    // It may end before it has read its input, or before we come to close it: then its exit code says what matters.
    stdin?.on('error', () => undefined);
    stdin?.end(input);
    return (await running).stdout;
  };
}
