/** `npm run cluster:up` and `npm run cluster:down`: a real Kubernetes with Knative, on one node, on this machine. */
import { createProgress } from '../../local/machine/progress.ts';
import { bringDown } from './down.ts';
import { obstacles } from './machine.ts';
import { bringUp } from './up.ts';

/** Exit code when the machine cannot hold a cluster: nothing is broken. */
const cannotRunHere = 3;

const [command] = process.argv.slice(2);
const commands: Readonly<Record<string, (progress: ReturnType<typeof createProgress>) => Promise<void>>> = {
  up: bringUp,
  down: bringDown,
};

try {
  const chosen = commands[command ?? ''];
  if (chosen === undefined) throw new Error(`unknown command "${command ?? ''}": use up or down`);
  refuseWithReasons(command === 'up' ? obstacles() : []);
  await chosen(createProgress());
  // Processes of the cluster go on: nothing here may wait for them.
  process.exit(0);
} catch (error) {
  process.stderr.write(`\ncluster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

function refuseWithReasons(reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  process.stderr.write(`no cluster can run here:\n${reasons.map((one) => `  - ${one}\n`).join('')}`);
  process.exit(cannotRunHere);
}
