/** Stand-ins for wal-g that answer as a version was recorded, so that tests about it run whatever wal-g is at hand. */

/** A shell command that prints a line on stderr, as wal-g logs. */
export function log(text: string): string {
  return `echo '${text.replaceAll("'", `'\\''`)}' >&2`;
}

/** Returns the script of a wal-g that answers by all its arguments; the first pattern that fits decides. */
export function replay(answers: Readonly<Record<string, string>>): string {
  const cases = Object.entries(answers).map(([pattern, script]) => `${pattern.replaceAll(' ', '\\ ')})\n${script}\n;;`);
  return `case "$*" in\n${cases.join('\n')}\nesac\n`;
}
