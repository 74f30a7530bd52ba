/** `environment.json`: what tools and people need to find their way in a running environment. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './environment-types.ts';

const refreshMs = 500;

/** Writes the file, again whenever something in it changed, and removes it at the stop. */
export function writeDescription(environment: Environment): { stop(): void } {
  const path = join(environment.dir, 'environment.json');
  let written = '';

  function refresh(): void {
    const text = `${JSON.stringify(describe(environment), undefined, 2)}\n`;
    if (text === written) return;
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
    written = text;
  }

  refresh();
  const timer = setInterval(refresh, refreshMs);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      if (existsSync(path)) rmSync(path);
    },
  };
}

function describe(environment: Environment): object {
  const [database] = environment.databases();
  return {
    kubeconfig: environment.kubeConfigPath,
    apiServer: environment.apiServerUrl,
    broker: environment.brokerUrl,
    functions: environment.functions().map(({ name, state, pid, url, log }) => ({ name, state, pid, url, log })),
    postgres:
      database === undefined
        ? undefined
        : { dataDir: database.dataDir, port: database.port, user: database.user, pid: database.pid },
    storageDir: environment.storageDir,
    walg: { ...environment.walg, env: walgVariables(database?.environment ?? {}) },
    kubelet: { port: environment.kubeletPort },
  };
}

/** What wal-g needs to be called by hand. */
function walgVariables(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => /^(WALG_|PG[A-Z]+$)/.test(name)));
}
