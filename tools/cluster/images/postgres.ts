/** PostgreSQL with wal-g, as the official image in what matters: postgres is process 1, exec'd commands run as root. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeImage } from '../../../local/kubernetes/kubelet/image.ts';
import { postgresImage, postgresNonRootImage } from '../layout.ts';
import type { Image } from './archive.ts';
import { debianPath } from './debian.ts';

/** User and group `postgres`, with the number that they have in the official image. */
const postgresUser = 999;

const home = '/usr/lib/postgresql/14';

/** Root only prepares the data directory; what becomes process 1 is postgres itself. */
const entrypoint = `#!/bin/sh
set -eu
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --pgdata="$PGDATA" --username=postgres --auth=trust --encoding=UTF8 --no-sync >/dev/null
  echo 'host all all all trust' >>"$PGDATA/pg_hba.conf"
fi
exec postgres "$@"
`;

/** Makes the layer below `dir`; the second image differs in its user only. */
export function postgresImages(dir: string, debian: string, parts: { postgresDir: string; walg: string }): Image[] {
  const layer = join(dir, 'postgres');
  rmSync(layer, { recursive: true, force: true });
  makeImage(join(layer, home), parts);
  for (const path of ['etc', 'usr/local/bin', 'var/lib/postgresql']) mkdirSync(join(layer, path), { recursive: true });
  const accounts = {
    passwd: `postgres:x:${postgresUser}:${postgresUser}::/var/lib/postgresql:/bin/sh\n`,
    group: `postgres:x:${postgresUser}:\n`,
  };
  for (const [name, line] of Object.entries(accounts)) {
    writeFileSync(join(layer, 'etc', name), readFileSync(join(debian, 'etc', name), 'utf8') + line);
  }
  writeFileSync(join(layer, 'usr/local/bin/entrypoint.sh'), entrypoint, { mode: 0o755 });
  const config = {
    Entrypoint: ['/usr/local/bin/entrypoint.sh'],
    Env: [`PATH=${home}/bin:${debianPath}`, 'PGDATA=/var/lib/postgresql/data'],
  };
  const layers = [debian, layer];
  return [
    { tags: [postgresImage], layers, config },
    { tags: [postgresNonRootImage], layers, config: { ...config, User: `${postgresUser}:${postgresUser}` } },
  ];
}
