/** Restores a stored backup with the documented commands into a second database, and asks that one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import { freePort } from '../../local/machine/ports.ts';
import { query, type Row } from '../../local/kubernetes/kubelet/query.ts';
import { documentBlock } from './documents.ts';
import { eventually } from './eventually.ts';
import { runAsOwner, withDirectory, type Shop } from './shop.ts';

/** What the documented restore blocks leave to the reader. */
export interface Restore {
  /** Name of the block. */
  readonly block: string;
  /** Variables that the block uses, such as BACKUP or TARGET_TIME. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Fetches and recovers as the documents say, and hands over a way to ask the restored database. */
export async function withRestored<T>(
  shop: Shop,
  database: Database,
  restore: Restore,
  use: (sql: (text: string) => Promise<Row[]>) => Promise<T>,
): Promise<T> {
  return withDirectory(shop.environment, async (dir) => {
    const data = join(dir, 'data');
    await runAsOwner(database, documentBlock(restore.block), { ...restore.variables, PGDATA: data });
    const port = await freePort();
    const postgres = spawn(
      'postgres',
      [
        '-D',
        data,
        '-p',
        String(port),
        '-c',
        'unix_socket_directories=',
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'archive_mode=off',
      ],
      {
        ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
        cwd: '/',
        env: { ...database.environment, PGDATA: data },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let log = '';
    postgres.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      const sql = (text: string): Promise<Row[]> => query({ port, user: database.user }, text);
      await eventually('promotion of the restored database', async () => {
        const [row] = await sql('select pg_is_in_recovery() as recovering');
        return row?.['recovering'] === 'f' ? true : undefined;
      });
      return await use(sql);
    } catch (error) {
      throw new Error(`the restored database:\n${log}`, { cause: error });
    } finally {
      postgres.kill('SIGINT');
      if (postgres.exitCode === null) await once(postgres, 'exit');
    }
  });
}
