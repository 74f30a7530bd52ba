/** Objects of the demo: what a user would have, and what a user would add. */

/** Namespace of the demo. */
export const demoNamespace = 'demo';
/** Name of the StatefulSet. */
export const demoDatabase = 'postgres';
/** Name of the PgManager. */
export const demoManager = 'pg-manager';

/** A database as docs/how-to/prepare-database.md recommends it: wal-g by environment variables, volumes for data and logs. */
export function buildDatabase(storageDir: string): object {
  const labels = { app: demoDatabase };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: demoDatabase, namespace: demoNamespace, labels },
    spec: {
      serviceName: demoDatabase,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'postgres',
              image: 'postgres:14',
              args: ['-c', 'archive_mode=on', '-c', 'archive_command=wal-g wal-push "%p"'],
              env: [
                { name: 'PGUSER', value: 'postgres' },
                { name: 'WALG_FILE_PREFIX', value: '/backups' },
              ],
              volumeMounts: [
                { name: 'data', mountPath: '/var/lib/postgresql/data' },
                { name: 'runs', mountPath: '/PgBackup' },
                { name: 'storage', mountPath: '/backups' },
              ],
            },
          ],
          volumes: [{ name: 'storage', hostPath: { path: storageDir, type: 'Directory' } }],
        },
      },
      volumeClaimTemplates: ['data', 'runs'].map((name) => ({
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      })),
    },
  };
}

/** A backup every day at this time of day (UTC). */
export function buildManager(at: string): object {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name: demoManager, namespace: demoNamespace },
    spec: { selector: { name: demoDatabase }, backup: { numberToRetain: 3, at } },
  };
}

/** Some data, so that there is something to back up. */
export const demoData = `
  create table customer (id int primary key, name text not null, since timestamptz not null default now());
  create table product (id int primary key, name text not null, price numeric(10, 2) not null);
  create table purchase (
    id bigint primary key, customer int not null references customer, product int not null references product,
    amount int not null, note text
  );
  insert into customer select n, 'customer ' || n from generate_series(1, 2000) n;
  insert into product select n, 'product ' || n, (n * 7 % 500) + 0.99 from generate_series(1, 200) n;
  insert into purchase
    select n, n % 2000 + 1, n % 200 + 1, n % 9 + 1, md5(n::text) from generate_series(1, 60000) n;
  analyze;
`;
