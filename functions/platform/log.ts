/** Structured logs: one JSON object a line on stdout, static messages, data in fields. */

export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** A log whose lines all carry the function's name. */
export function createLog(functionName: string, write: (line: string) => void): Log {
  function at(level: string) {
    return (message: string, fields: Fields = {}): void =>
      write(
        `${JSON.stringify({ time: new Date().toISOString(), level, function: functionName, message, ...fields })}\n`,
      );
  }
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
