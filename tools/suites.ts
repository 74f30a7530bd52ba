/** The suites of tests, one a folder, and what each needs before it starts. */
import { globSync } from 'node:fs';
import { root } from './program.ts';

/** What is made before tests start, so that no hook of a test waits for it. */
export type Need = 'binaries' | 'adapters' | 'tools' | 'bundles';

/** Test files that are run together. */
export interface Suite {
  readonly files: string;
  readonly needs: readonly Need[];
  /** True when its files are run one after the other in one process: most of their time was the loading of modules. */
  readonly inOneProcess?: boolean;
}

const suites: Readonly<Record<string, Suite>> = {
  unit: { files: 'test/unit/**/*.test.ts', needs: [], inOneProcess: true },
  simulation: { files: 'test/simulation/*.test.ts', needs: [] },
  planted: { files: 'test/simulation/planted.test.ts', needs: [] },
  contract: { files: 'test/contract/*.test.ts', needs: ['binaries', 'adapters', 'bundles'] },
  runner: { files: 'test/runner/*.test.ts', needs: ['binaries', 'tools'] },
  local: { files: 'test/local/**/*.test.ts', needs: ['binaries', 'bundles'] },
  e2e: { files: 'test/e2e/*.test.ts', needs: ['binaries', 'bundles'] },
};

/** All tests, each file in a process of its own. */
const whole: Suite = { files: 'test/**/*.test.ts', needs: ['binaries', 'adapters', 'tools', 'bundles'] };

/** Names that `suiteOf` knows. */
export const suiteNames: readonly string[] = Object.keys(suites);

/** Returns the suite of this name, or all tests; undefined when there is none. */
export function suiteOf(name: string): Suite | undefined {
  return name === '' ? whole : suites[name];
}

/** Returns the files of a suite. */
export function filesOf({ files }: Suite): string[] {
  return globSync(files, { cwd: root }).toSorted();
}
