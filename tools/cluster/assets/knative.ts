/** The sources of Knative: the definitions of its kinds, and the manifests that install it. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { onPath } from '../../../local/assets/path.ts';
import { knativeVersion } from '../../../local/assets/versions.ts';

/** What `go mod download` has to bring: a module proxy could serve anything. */
const sums = {
  eventing: 'h1:+9oi64QI1U8T1b7Hz6UFla1HA/SKoln/MPdEI2QeUJc=',
  serving: 'h1:CdPvTytMt1wGoKI9hsM5QU1bolUIwkhBGbGojx2l4f4=',
} as const;

interface Downloaded {
  readonly Dir: string;
  readonly Sum: string;
}

/** Directory with the sources of a module of Knative, which hold the definitions that Knative installs. */
export async function getKnativeSources(name: keyof typeof sums): Promise<string> {
  if (onPath('go') === undefined) throw new Error('install Go ≥ 1.24 to get the sources of Knative');
  const module = `knative.dev/${name}@${knativeVersion}`;
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module], {
    // Within a module, what is downloaded would have to be among its requirements.
    cwd: tmpdir(),
    env: { ...process.env, GOWORK: 'off', GOFLAGS: '' },
  });
  const { Dir, Sum } = JSON.parse(stdout) as Downloaded;
  if (Sum !== sums[name]) throw new Error(`${module} has the sum ${Sum}, expected ${sums[name]}`);
  return Dir;
}
