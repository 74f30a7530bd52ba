/** One SQL text over PostgreSQL's simple query protocol: trust authentication, text results, no pool. */
import { connect, type Socket } from 'node:net';

/** Where a database listens on the loopback interface. */
export interface DatabaseAddress {
  readonly port: number;
  readonly user: string;
  readonly database?: string;
}

/** A row by column name; every value is text. */
export type Row = Readonly<Record<string, string | null>>;

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

const timeoutMs = 60_000;

/** Runs one or more statements; returns the rows of all of them, in order. */
export function query(address: DatabaseAddress, sql: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: address.port });
    const conversation = { socket, sql, columns: [] as string[], rows: [] as Row[], asked: false, problem: '' };
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('PostgreSQL did not answer')));
    socket.on('error', reject);
    socket.on('connect', () => socket.write(startupMessage(address)));
    socket.on('close', () =>
      reject(new Error(conversation.problem === '' ? 'PostgreSQL closed the connection' : conversation.problem)),
    );
    readMessages(socket, (message) => {
      if (!take(conversation, message)) return;
      if (conversation.problem === '') resolve(conversation.rows);
      else reject(new Error(conversation.problem));
      socket.end(frame('X', Buffer.alloc(0)));
    });
  });
}

interface Conversation {
  readonly socket: Socket;
  readonly sql: string;
  columns: string[];
  readonly rows: Row[];
  asked: boolean;
  problem: string;
}

/** Handles one message of the server; true when it has finished the query. */
function take(conversation: Conversation, { type, body }: Message): boolean {
  if (type === 'T') conversation.columns = columnNames(body);
  if (type === 'D') conversation.rows.push(row(conversation.columns, body));
  if (type === 'E') conversation.problem = errorText(body);
  if (type === 'R' && body.readInt32BE(0) !== 0) conversation.problem = 'PostgreSQL wants a password';
  if (type !== 'Z') return false;
  if (conversation.asked) return true;
  conversation.asked = true;
  conversation.socket.write(frame('Q', Buffer.from(`${conversation.sql}\0`)));
  return false;
}

function startupMessage(address: DatabaseAddress): Buffer {
  const parameters = ['user', address.user, 'database', address.database ?? 'postgres', 'application_name', 'local'];
  const body = Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from(`${parameters.join('\0')}\0\0`)]);
  return Buffer.concat([length(body), body]);
}

function frame(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), length(body), body]);
}

function length(body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length + 4);
  return size;
}

function readMessages(socket: Socket, onMessage: (message: Message) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 5 && pending.length >= pending.readInt32BE(1) + 1) {
      const end = pending.readInt32BE(1) + 1;
      onMessage({ type: String.fromCharCode(pending[0]!), body: pending.subarray(5, end) });
      pending = pending.subarray(end);
    }
  });
}

function columnNames(body: Buffer): string[] {
  const names: string[] = [];
  const afterName = 18;
  for (let at = 2; names.length < body.readInt16BE(0);) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 1 + afterName;
  }
  return names;
}

function row(columns: readonly string[], body: Buffer): Row {
  const values: Record<string, string | null> = {};
  let at = 2;
  for (const column of columns) {
    const size = body.readInt32BE(at);
    at += 4;
    values[column] = size === -1 ? null : body.toString('utf8', at, at + size);
    at += Math.max(size, 0);
  }
  return values;
}

/** Severity, code and message of an ErrorResponse. */
function errorText(body: Buffer): string {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field[0], field.slice(1)]),
  );
  return `${fields.get('S')} ${fields.get('C')}: ${fields.get('M')}`;
}
