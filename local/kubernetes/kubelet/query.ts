/** SQL against a database on the loopback interface that trusts its callers. */
import pg from 'pg';

/** Where a database listens on the loopback interface. */
export interface DatabaseAddress {
  readonly port: number;
  readonly user: string;
  readonly database?: string;
}

/** A row by column name; every value is text. */
export type Row = Readonly<Record<string, string | null>>;

const timeoutMs = 60_000;

/** Values as PostgreSQL writes them. */
const asText = { getTypeParser: () => (value: unknown) => value };

/** Runs one or more statements; returns the rows of all of them, in order. */
export async function query({ port, user, database = 'postgres' }: DatabaseAddress, sql: string): Promise<Row[]> {
  const timeouts = { connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs };
  const client = new pg.Client({ host: '127.0.0.1', port, user, database, ...timeouts, types: asText });
  // Without this listener a connection that breaks between two queries would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(sql);
    return [results].flat().flatMap(({ rows }) => rows);
  } finally {
    await client.end();
  }
}
