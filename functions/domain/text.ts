/** Text for status: bounded, one line where one line is promised, and free of secrets. */

/** Bytes of log that a status may carry; the API server's limit for a whole object is 1.5 MiB. */
const statusTextLimit = 32 * 1024;
const lineLimit = 1024;

/**
 * What a log could give away, and what is shown instead. wal-g hides its settings itself; this is for what storage
 * servers and shells print back at it.
 */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '***'],
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]{0,256}:)[^\s@]{1,1024}@/gi, '$1***@'],
  // A signed URL is a secret by its query, whatever the parameters are called. Host and path help to find the mistake.
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s?"'<>]{1,2048}\?)[^\s"'<>]{1,8192}/gi, '$1***'],
  [/(\bauthorization["']?\s*[:=]\s*["']?)(?:(?:basic|bearer)\s+)?[^\s"',;]{1,4096}/gi, '$1***'],
  [
    /((?:password|passwd|passphrase|secret|token|credential|signature|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|libsodium[_-]?key)\\?["']?\s*[=:]\s*)(?:\\?"[^"\n]{1,4096}"|\\?'[^'\n]{1,4096}'|\\?["']?[^\s"',;&]{1,4096})/gi,
    '$1***',
  ],
  // Other names of keys, as connection strings have them. A lone "key" is the name of an object.
  [/((?:\b(?:sig|sas|pwd|pass)|\w{2,64}key)\\?["']?\s{0,4}=\s{0,4}["']?)[^\s"',;&]{1,4096}/gi, '$1***'],
  [/(["'](?:sig|sas|pwd|pass|\w{2,64}key)\\?["']\s{0,4}:\s{0,4}\\?["'])[^"'\n\\]{1,4096}/gi, '$1***'],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]{0,16384}?(?:-----END [A-Z ]{0,40}-----|$)/g, '***'],
  // Bounded like all of these: a log may hold any bytes, and an open end is searched for anew from each beginning.
  [/\beyJ[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{4,}/g, '***'],
];

/** As long as the key of a storage account or longer, and of the letters of Base64 alone. */
const longWord = /(?<![\w+/=.-])[A-Za-z0-9+/]{40,4096}={0,2}(?![\w+/=.-])/g;

/** The text without secrets: credentials in URLs, keys, tokens, passwords, and long random words whatever stands before them. */
export function redact(text: string): string {
  const known = secrets.reduce((result, [pattern, shown]) => result.replace(pattern, shown), text);
  return known.replace(longWord, (word) => (isRandom(word) ? '***' : word));
}

/** Digests and WAL segments are hexadecimal, and paths are made of short words: neither mixes capitals, small letters and digits so. */
function isRandom(word: string): boolean {
  const parts = word.split('/').map(({ length }) => length);
  return /[a-z]/.test(word) && /[A-Z]/.test(word) && /\d/.test(word) && Math.max(...parts) >= 16;
}

/** One line of at most 1 KiB (UTF-8): control characters become spaces, secrets are hidden, the end is cut with `…`. */
export function oneLine(text: string): string {
  const line = redact(text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim());
  return bytes(line) <= lineLimit ? line : `${cutBytes(line, lineLimit - 3)}…`;
}

/**
 * The text up to the last whole word within `limit` bytes. A word that was cut in two could be half a secret, which
 * no pattern for a whole secret would find.
 */
export function wholeWords(text: string, limit: number): string {
  if (bytes(text) <= limit) return text;
  const head = cutBytes(text, limit);
  return `${head.slice(0, head.search(/\s\S*$/) + 1)}…`;
}

/** Head and tail of a long text, cut at line ends, with a line that says how much is missing. */
export function bounded(text: string, limit: number = statusTextLimit): string {
  if (bytes(text) <= limit) return text;
  const half = Math.floor((limit - 64) / 2);
  const head = cutBytes(text, half);
  const tail = cutBytesFromEnd(text, half);
  const wholeHead = head.slice(0, head.lastIndexOf('\n') + 1) || head;
  const wholeTail = tail.slice(tail.indexOf('\n') + 1);
  const missing = bytes(text) - bytes(wholeHead) - bytes(wholeTail);
  const separator = wholeHead.endsWith('\n') ? '' : '\n';
  return `${wholeHead}${separator}… ${missing} bytes left out …\n${wholeTail}`;
}

/** Size of the text in UTF-8. */
export function bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** At most `limit` bytes from the start, never half a character. */
function cutBytes(text: string, limit: number): string {
  return Buffer.from(text, 'utf8')
    .subarray(0, limit)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
}

function cutBytesFromEnd(text: string, limit: number): string {
  const buffer = Buffer.from(text, 'utf8');
  return buffer
    .subarray(Math.max(0, buffer.length - limit))
    .toString('utf8')
    .replace(/^\ufffd+/, '');
}

/** `1.4 GiB`: a number of bytes as a column shows it. */
export function byteSize(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let [value, unit] = [size, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
