/** Builds the platform objects of a function and serves it: the part of main.ts that all four share. */
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Effects } from '../reconcile/apply.ts';
import { systemClock, type Clock } from '../clock.ts';
import { readEnvironment, type Environment } from './environment.ts';
import { createExec } from '../kubernetes/exec.ts';
import { createApp, serve, type EventHandler } from './server.ts';
import { createKube } from '../kubernetes/client.ts';
import { createLog } from '../log.ts';
import { createRunner } from '../run/runner.ts';
import { createSink } from '../http/sink.ts';

export interface Platform {
  readonly effects: Effects;
  readonly clock: Clock;
  readonly environment: Environment;
}

/** `routes` says which handler answers at which path. */
export function start(name: string, routes: (platform: Platform) => Readonly<Record<string, EventHandler>>): void {
  const environment = readEnvironment(process.env);
  const log = createLog(name, (line) => process.stdout.write(line));
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const kube = createKube(kubeConfig);
  const sink = createSink(environment.K_SINK);
  const effects: Effects = { kube, sink, runner: createRunner(createExec(kubeConfig)), log };
  const app = createApp({ log, clock: systemClock, routes: routes({ effects, clock: systemClock, environment }) });
  serve(app, environment.PORT, () => {
    kube.close();
    sink.close();
  });
}
