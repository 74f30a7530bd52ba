/**
 * There is no mount namespace: a container path stands for a directory of this machine, and texts that go into the
 * container (arguments, environment) have it replaced.
 */
import { join } from 'node:path';
import type { Container, Pod, Volume } from '../client/objects.ts';

/** Container path and the directory that it stands for. */
export interface Mount {
  readonly containerPath: string;
  readonly realPath: string;
  /**
   * `volume` outlives the pod, `pod` lives as long as the pod, `layer` as long as the container. The data directory is
   * a volume even when the template forgot one: nobody runs a database otherwise.
   */
  readonly lifetime: 'volume' | 'pod' | 'layer';
}

/** Where the files of a pod are kept. */
export interface PodDirectories {
  /** Below it everything of the namespace that outlives pods. */
  readonly namespaceDir: string;
  /** Below it everything of this pod incarnation. */
  readonly podDir: string;
}

const defaultDataDirectory = '/var/lib/postgresql/data';
const backupDirectory = '/PgBackup';

/** The data directory of a container, as its environment says. */
export function dataDirectoryOf(container: Container): string {
  return container.env?.find((one) => one.name === 'PGDATA')?.value ?? defaultDataDirectory;
}

/** All paths of a container that stand for something: its mounts, the data directory and the run directory. */
export function mountsOf(pod: Pod, container: Container, directories: PodDirectories): Mount[] {
  const mounts = (container.volumeMounts ?? []).map((mount) => {
    const volume = pod.spec.volumes?.find((one) => one.name === mount.name);
    return { containerPath: mount.mountPath.replace(/\/+$/, ''), ...volumePlace(volume, mount.name, directories) };
  });
  const data = dataDirectoryOf(container);
  if (!isBelowOneOf(data, mounts)) {
    const realPath = join(directories.namespaceDir, 'volumes', `data-${pod.metadata.name}-${container.name}`);
    mounts.push({ containerPath: data, realPath, lifetime: 'volume' });
  }
  if (!isBelowOneOf(backupDirectory, mounts)) {
    const realPath = join(directories.podDir, container.name, 'layer', backupDirectory);
    mounts.push({ containerPath: backupDirectory, realPath, lifetime: 'layer' });
  }
  return mounts;
}

/** Replaces every container path in a text by what it stands for. */
export function mapPaths(text: string, mounts: readonly Mount[]): string {
  if (mounts.length === 0) return text;
  const byPath = new Map(mounts.map((mount) => [mount.containerPath, mount.realPath]));
  const longestFirst = [...byPath.keys()].sort((a, b) => b.length - a.length).map(escapeForRegExp);
  // Not in the middle of a longer path: neither `/x/PgBackup` nor `/PgBackups`.
  const pattern = new RegExp(`(?<![\\w.}-])(?:${longestFirst.join('|')})(?![\\w-]|\\.\\w)`, 'g');
  return text.replace(pattern, (path) => byPath.get(path)!);
}

function volumePlace(
  volume: Volume | undefined,
  name: string,
  directories: PodDirectories,
): Pick<Mount, 'realPath' | 'lifetime'> {
  if (volume?.hostPath !== undefined) return { realPath: volume.hostPath.path, lifetime: 'volume' };
  const claim = volume?.persistentVolumeClaim?.claimName;
  if (claim !== undefined) return { realPath: join(directories.namespaceDir, 'volumes', claim), lifetime: 'volume' };
  return { realPath: join(directories.podDir, 'volumes', name), lifetime: 'pod' };
}

function isBelowOneOf(path: string, mounts: readonly Mount[]): boolean {
  return mounts.some((mount) => path === mount.containerPath || path.startsWith(`${mount.containerPath}/`));
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
