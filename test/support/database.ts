/** Asks a database in a pod, through kubectl exec. */
import type { NamespaceAccess } from './objects.ts';

/** A database that can be asked; its pod may be replaced meanwhile. */
export interface TestDatabase {
  readonly pod: string;
  /** Runs a shell text in the container, as its exec user. */
  sh(script: string): Promise<string>;
  /** Runs a shell text as the owner of the data directory: wal-g run as root spoils file storage. */
  asOwner(script: string): Promise<string>;
  /** Returns the rows of one or more statements, columns separated by `|`. */
  sql(text: string): Promise<string[]>;
  /** Lists the names of stored backups, oldest first, as wal-g itself does. */
  stored(): Promise<string[]>;
  /** Lists the living processes of a backup's run: wal-g and what watches over it. */
  processesOf(uid: string): Promise<RunProcess[]>;
  /** Lists the files of a directory, none when it is not there. */
  filesIn(directory: string): Promise<string[]>;
}

/** A process of a run, by its pid in the container. */
export interface RunProcess {
  readonly pid: number;
  readonly name: string;
}

/** A container to ask. */
export interface ContainerName {
  readonly pod: string;
  readonly container: string;
}

/** How SQL reaches a database. */
export type Sql = (at: ContainerName, text: string) => Promise<string[]>;

const asOwner = `if [ "$(id -u)" = 0 ]; then
  owner=$(stat -c '--reuid=%u --regid=%g' "$PGDATA")
  exec setpriv $owner --clear-groups sh -euc "$1"
fi
exec sh -euc "$1"`;

/** Returns the database of a container. */
export function databaseIn(access: NamespaceAccess, sql: Sql, at: ContainerName): TestDatabase {
  const { namespace, kubectl } = access;
  const exec = (...command: string[]): Promise<string> =>
    kubectl('exec', '-n', namespace, at.pod, '-c', at.container, '--', ...command);
  const database: TestDatabase = {
    pod: at.pod,
    sh: (script) => exec('sh', '-euc', script),
    asOwner: (script) => exec('sh', '-euc', asOwner, 'sh', script),
    sql: (text) => sql(at, text),
    async stored() {
      const text = await database.asOwner('wal-g backup-list --json');
      const list = (text.trim() === '' ? [] : JSON.parse(text)) as { backup_name: string }[];
      return list.map(({ backup_name: name }) => name).sort();
    },
    async processesOf(uid) {
      // There is no `ps` in the image.
      const find = `{ grep -lzx 'AIDBOXOPS_RUN=${uid}/backup' /proc/[0-9]*/environ 2>/dev/null || true; }`;
      const show = `${find} | while IFS=/ read -r _ _ pid _; do echo "$pid $(cat /proc/$pid/comm)"; done`;
      return linesOf(await database.sh(show)).map((line) => {
        const [pid = '', name = ''] = line.split(' ');
        return { pid: Number(pid), name };
      });
    },
    filesIn: async (directory) => linesOf(await database.sh(`ls -A ${directory} 2>/dev/null || true`)),
  };
  return database;
}

/** Returns the lines of a text that are not empty. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter(Boolean);
}
