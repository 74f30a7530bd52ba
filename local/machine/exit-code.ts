/** Runs the work of a program: its exit code becomes that of the process, and an error is one line on stderr. */
export async function exitWith(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    // The progress line of the failed part has shown the reason already; the stack helps only a developer.
    const message = error instanceof Error ? error.message : String(error);
    const detail = process.env['DEBUG'] === undefined ? message : String((error as Error).stack);
    process.stderr.write(`\naidboxops: ${detail}\n`);
    process.exitCode = 1;
  }
}
