/** Stands for `node:test` in the modules of test files: tests are collected, to be run as often as there are mutants. */

export type Body = () => void | Promise<void>;

export const collected: Body[] = [];

/** The only form that the tests of pure functions use; another one is refused rather than half understood. */
export function test(name: string, body: Body): void {
  if (typeof body !== 'function' || body.length > 0)
    throw new Error(`"${name}" is not of the form test(name, () => …)`);
  collected.push(body);
}
