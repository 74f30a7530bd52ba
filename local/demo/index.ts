/** `npm start`: brings the environment up and does the main job for all to see. */
import { once } from 'node:events';
import { relative, resolve } from 'node:path';
import type { Environment } from '../environment-types.ts';
import { startEnvironment } from '../environment.ts';
import { processesLeft } from '../machine/processes.ts';
import { createProgress, durationText, type Progress } from '../machine/progress.ts';
import { onPath } from '../assets/path.ts';
import { createDisplay, type Display } from './display.ts';
import { demoNamespace } from './objects.ts';
import { allAtZero, createDemo, manualRound, scheduledRound, showDescriptions, type Stage } from './scenario.ts';
import { watchForStop } from './shutdown.ts';
import { followState } from './state.ts';
import { messageOf } from '../machine/error-message.ts';

/** `demo` goes on until Ctrl-C, `once` ends when the main job is done, `bare` has no demo objects. */
export type Mode = 'demo' | 'once' | 'bare';

const root = resolve(import.meta.dirname, '..', '..');

/** Builds the bundles of the functions; returns their sizes by name. */
type Build = () => Promise<ReadonlyMap<string, number>>;

/** Runs `npm start`; returns the exit code. */
export async function runDemo(mode: Mode, build: Build): Promise<number> {
  const dir = resolve(root, process.env['AIDBOXOPS_LOCAL_DIR'] ?? '.local');
  const stopping = watchForStop();
  const progress = createProgress();
  const display = createDisplay((text) => void process.stdout.write(text));
  const begun = performance.now();

  progress.say('aidboxops, local environment');
  await buildBundles(progress, build);
  const environment = await startEnvironment({
    dir,
    progress,
    signal: stopping.signal,
    trace: (traceEvent) => display.trace(traceEvent),
  });
  let code = 1;
  try {
    progress.say(
      `  up after ${durationText(performance.now() - begun)}; ${relative(root, dir)}/environment.json says where\n`,
    );
    code = await perform(mode, environment, display, stopping.signal);
  } catch (error) {
    const request = stopping.request();
    code = request === undefined ? 1 : mode === 'once' ? request.code : 0;
    display.text(`\n${messageOf(error)}`);
    if (request === undefined) display.text(`logs: ${relative(process.cwd(), dir)}/functions, …/control-plane`);
  } finally {
    await environment.stop();
  }
  return conclude(dir, code, display, begun);
}

async function buildBundles(progress: Progress, build: Build): Promise<void> {
  const part = progress.part('functions');
  const sizes = await build();
  part.done(`built ${[...sizes.keys()].join(', ')}`);
}

async function perform(mode: Mode, environment: Environment, display: Display, signal: AbortSignal): Promise<number> {
  const state = followState(environment, (line) => display.state(line));
  const stage: Stage = { environment, state, display, signal };
  try {
    if (mode !== 'bare') {
      await createDemo(stage);
      await scheduledRound(stage);
    }
    if (mode === 'once') await manualRound(stage);
    if (mode !== 'bare') await showDescriptions(stage);
    if (mode === 'once') {
      await allAtZero(stage);
      return 0;
    }
    showCommands(environment, display);
    if (!signal.aborted) await once(signal, 'abort');
    return 0;
  } finally {
    state.stop();
  }
}

function showCommands(environment: Environment, display: Display): void {
  const kubectl = onPath('kubectl') === undefined ? environment.kubectlPath : 'kubectl';
  display.heading('commands to try; Ctrl-C stops everything');
  display.text(
    [
      `export KUBECONFIG=${environment.kubeConfigPath}`,
      `${kubectl} get pgmanagers,pgbackups -n ${demoNamespace}`,
      `${kubectl} create -n ${demoNamespace} -f local/demo/backup-now.yaml      # a backup now`,
      `${kubectl} exec -n ${demoNamespace} postgres-0 -- ls -l /PgBackup         # the full logs`,
      `${kubectl} get pingsources -A                                # the timers`,
      `cat ${environment.dir}/environment.json`,
      `tail -f ${environment.dir}/functions/*/*.log`,
      '',
    ].join('\n'),
  );
}

/** The promise of `--once`: nothing is left running. */
function conclude(dir: string, code: number, display: Display, begun: number): number {
  const left = processesLeft(dir);
  if (left.length > 0) {
    display.text(`left running: ${left.map((one) => `${one.name} (pid ${one.pid})`).join(', ')}`);
    return 1;
  }
  const verdict = code === 0 ? 'all well' : 'failed';
  display.text(`${verdict}; everything is stopped, after ${durationText(performance.now() - begun)}`);
  return code;
}
