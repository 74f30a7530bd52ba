/** `npm run cluster:up` and `npm run cluster:down`: a real Kubernetes with Knative, on one node, on this machine. */
import { runCommand } from '../../local/machine/command-line.ts';
import { createProgress, type Progress } from '../../local/machine/progress.ts';
import { bringDown } from './down.ts';
import { obstacles } from './machine.ts';
import { bringUp } from './up.ts';

/** Exit code when the machine cannot hold a cluster: nothing is broken. */
const cannotRunHere = 3;

const [direction, ...args] = process.argv.slice(2);

if (direction === 'down') {
  const about = 'Ends the cluster of npm run cluster:up: no process, mount, interface or rule of it is left.';
  await runCommand({ name: 'npm run cluster:down', about }, () => end(bringDown), args);
} else {
  const about = [
    'Starts Kubernetes with Knative on one node on this machine, built with go the first time (15 to 30 minutes).',
    `It needs root on Linux x64; exit code ${cannotRunHere} means that this machine cannot hold a cluster, with the reasons.`,
  ].join('\n');
  await runCommand({ name: 'npm run cluster:up', about }, start, args);
}
// Processes of the cluster go on: nothing here may wait for them.
process.exit();

async function start(): Promise<number> {
  const reasons = obstacles();
  if (reasons.length === 0) return end(bringUp);
  process.stderr.write(`no cluster can run here:\n${reasons.map((one) => `  - ${one}\n`).join('')}`);
  return cannotRunHere;
}

async function end(work: (progress: Progress) => Promise<void>): Promise<number> {
  await work(createProgress());
  return 0;
}
