/** What runs as the main process of a container: PostgreSQL, or something that only waits. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Container } from '../client/objects.ts';
import { freePort, isFree } from '../../machine/ports.ts';
import { query } from './query.ts';
import { processesIn, processesOfContainer, type ProcessIdentity } from '../../machine/process-table.ts';
import type { Program } from '../../machine/processes.ts';
import type { Image } from './image.ts';
import { dataDirectoryOf, mapPaths, type Mount } from './paths.ts';
import { give, type Account } from './users.ts';

/** The environment and files of one start of a container. */
export interface Start {
  readonly containerId: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
}

/** The kind of a container's main process. */
export interface Workload {
  readonly stopSignal: NodeJS.Signals;
  /** Where PostgreSQL listens in the next start; undefined when this is no database. */
  choosePort(): Promise<number | undefined>;
  /** Does what the image's entry point does before the main process. */
  prepare(start: Start): Promise<void>;
  program(start: Start): Omit<Program, 'name'>;
  isReady(start: Start): Promise<boolean>;
  /** Processes of the container that outlived its main process; a real container runtime kills them. */
  survivors(start: Start): ProcessIdentity[];
}

/** Settings that a database of the local environment has unless its pod template says otherwise. */
const defaultSettings: Readonly<Record<string, string>> = {
  archive_mode: 'on',
  archive_command: 'wal-g wal-push "%p"',
  wal_level: 'replica',
  fsync: 'off',
  shared_buffers: '32MB',
  max_connections: '50',
};

/** A container is a database when its image says so. */
export function isDatabase(container: Container): boolean {
  return /postgres/.test(container.image);
}

/** PostgreSQL as in the official image: initdb on an empty data directory, then the postmaster. */
function postgresWorkload(
  container: Container,
  place: { image: Image; mounts: readonly Mount[]; account: Account | undefined },
): Workload {
  const { image, mounts, account } = place;
  const dataDir = mapPaths(dataDirectoryOf(container), mounts);
  const asOwner = account ?? {};
  let port: number | undefined;

  return {
    stopSignal: 'SIGINT',
    async choosePort() {
      if (port === undefined || !(await isFree(port))) port = await freePort();
      return port;
    },
    async prepare({ environment }) {
      mkdirSync(dataDir, { recursive: true });
      chmodSync(dataDir, 0o700);
      give(dataDir, account);
      if (existsSync(join(dataDir, 'PG_VERSION'))) return;
      const superuser = environment['PGUSER'] ?? 'postgres';
      const args = ['-D', dataDir, '-U', superuser, '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
      await promisify(execFile)(join(image.bin, 'initdb'), args, { ...asOwner, cwd: '/', env: { ...environment } });
    },
    program: ({ environment, log }) => ({
      command: image.postgres,
      args: ['-D', dataDir, ...settingArguments(container, mounts, environment['PGPORT'] ?? '')],
      env: environment,
      cwd: '/',
      log,
      ...asOwner,
    }),
    async isReady({ environment }) {
      const address = { port: Number(environment['PGPORT']), user: environment['PGUSER'] ?? 'postgres' };
      return query(address, 'select 1').then(
        () => true,
        () => false,
      );
    },
    survivors: ({ containerId }) => [...processesOfContainer(containerId), ...processesIn(dataDir, image.postgres)],
  };
}

/** A sidecar: alive and ready, nothing more. */
function idleWorkload(): Workload {
  return {
    stopSignal: 'SIGKILL',
    choosePort: () => Promise.resolve(undefined),
    prepare: () => Promise.resolve(),
    program: ({ environment, log }) => ({ command: 'sleep', args: ['infinity'], env: environment, cwd: '/', log }),
    isReady: () => Promise.resolve(true),
    survivors: ({ containerId }) => processesOfContainer(containerId),
  };
}

/** The workload that fits a container. */
export function workloadOf(
  container: Container,
  place: { image: Image; mounts: readonly Mount[]; account: Account | undefined },
): Workload {
  return isDatabase(container) ? postgresWorkload(container, place) : idleWorkload();
}

/** Where the data of a pod's database container are on this machine. */
export function dataDirectoryOnNode(container: Container, mounts: readonly Mount[]): string {
  return mapPaths(dataDirectoryOf(container), mounts);
}

/** `-c name=value` for each setting: ours, then the template's, then those that only the node can decide. */
function settingArguments(container: Container, mounts: readonly Mount[], port: string): string[] {
  const settings = {
    ...defaultSettings,
    ...settingsOf([...(container.command ?? []), ...(container.args ?? [])]),
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${mapPaths(value, mounts)}`]);
}

/** Settings in a postgres command line: `-c name=value` and `--name=value`. */
export function settingsOf(args: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {};
  args.forEach((arg, index) => {
    const text = args[index - 1] === '-c' ? arg : arg.replace(/^--/, '');
    if (text === arg && args[index - 1] !== '-c') return;
    const at = text.indexOf('=');
    if (at > 0) settings[text.slice(0, at).replaceAll('-', '_')] = text.slice(at + 1);
  });
  return settings;
}
