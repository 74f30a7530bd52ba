/** Imports between source files, and which of them go the wrong way. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Import {
  /** Path of the importing file, relative to the root of the repository. */
  readonly from: string;
  /** Path of the imported file, relative to the root of the repository, or the name of a package. */
  readonly to: string;
  readonly typeOnly?: boolean;
}

/** Reads all imports and re-exports of the files that match. */
export function importsOf(root: string, pattern: string): Import[] {
  return globSync(pattern, { cwd: root }).flatMap((from) => {
    const text = readFileSync(join(root, from), 'utf8');
    const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^;']*?from\s+)?'([^']+)'/gms);
    return [...statements].map(([, type, target = '']) => ({
      from,
      to: target.startsWith('.') ? join(dirname(from), target) : target,
      typeOnly: type !== undefined,
    }));
  });
}

/** Returns the imports that are part of a circle, or lead from one circle to another. */
export function circular(imports: readonly Import[]): readonly Import[] {
  const [importing, imported] = [new Set(imports.map(({ from }) => from)), new Set(imports.map(({ to }) => to))];
  const inner = imports.filter(({ from, to }) => importing.has(to) && imported.has(from));
  return inner.length === imports.length ? inner : circular(inner);
}

/**
 * Returns the imports below `folder` that lead to another room, but not down. Floors start at the top. The rooms of a floor
 * are separated by spaces, and a room on no floor may neither import another nor be imported.
 */
export function upward(imports: readonly Import[], folder: string, floors: readonly string[]): readonly Import[] {
  const floorOf = (file: string): number =>
    floors.findIndex((rooms) => rooms.split(' ').includes(roomOf(file, folder)));
  const isDown = (from: number, to: number): boolean => from !== -1 && from < to;
  return imports.filter(
    ({ from, to }) =>
      [from, to].every((file) => file.startsWith(folder)) &&
      roomOf(from, folder) !== roomOf(to, folder) &&
      !isDown(floorOf(from), floorOf(to)),
  );
}

/** Returns the first folder of a file below `folder`; files that are in no folder share the room `.`. */
export function roomOf(file: string, folder: string): string {
  const [room = '', ...rest] = file.slice(folder.length).split('/');
  return rest.length === 0 ? '.' : room;
}
