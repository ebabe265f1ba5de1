import { MigrateError } from '../errors/migrate-error.ts';
import { KEYWORDS } from './connection-keywords.ts';

/** One `keyword = value` of a connection string, and where in the text it stands (for URIs: where its value stands). */
export interface Pair {
  readonly keyword: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const notUnderstood = (message: string, hint?: string): MigrateError =>
  new MigrateError('TM1003', { message: `connection string not understood: ${message}`, hint });

export const severalServers = (): MigrateError =>
  new MigrateError('TM1004', {
    message: 'the connection string names several servers',
    hint: 'Name the one primary server: slots and snapshots belong to a single server.',
  });

export const isUri = (text: string): boolean => /^(postgres|postgresql):\/\//.test(text);

/**
 * Splits a connection string, URI or key=value, as libpq does. Throws TM1003; the message never holds a value, since any
 * part of a badly quoted string may be a piece of the password.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
 */
export function splitConnectionString(text: string): Pair[] {
  return isUri(text) ? splitUri(text) : splitKeyValues(text);
}

function splitKeyValues(text: string): Pair[] {
  const pairs: Pair[] = [];
  let at = 0;
  const skipSpace = () => {
    while (/\s/.test(text[at] ?? '')) at += 1;
  };
  for (skipSpace(); at < text.length; skipSpace()) {
    const start = at;
    while (at < text.length && !/[\s=]/.test(text[at] ?? '')) at += 1;
    const keyword = text.slice(start, at);
    skipSpace();
    if (text[at] !== '=' || keyword === '') {
      throw notUnderstood(
        pairs.length === 0 ? 'it is neither a URI nor keyword=value pairs' : 'something that is not keyword=value',
        "Write postgres://user@host:port/database, or host=… port=… dbname=… user=…; values with spaces in '…'.",
      );
    }
    if (!Object.hasOwn(KEYWORDS, keyword)) {
      const afterPassword = pairs.at(-1)?.keyword === 'password';
      throw notUnderstood(
        afterPassword || !/^[a-z_]+$/.test(keyword)
          ? 'an unknown keyword'
          : `libpq knows no keyword ${JSON.stringify(keyword)}`,
        afterPassword ? "A password with spaces must stand in '…'." : undefined,
      );
    }
    at += 1;
    skipSpace();
    let value = '';
    const quoted = text[at] === "'";
    if (quoted) at += 1;
    for (; ; at += 1) {
      if (at >= text.length) {
        if (quoted) throw notUnderstood(`the quoted value of ${keyword} does not end`);
        break;
      }
      const char = text[at] ?? '';
      if (quoted ? char === "'" : /\s/.test(char)) break;
      if (char === '\\' && at + 1 < text.length) at += 1;
      value += text[at] ?? '';
    }
    if (quoted) at += 1;
    pairs.push({ keyword, value, start, end: at });
  }
  return pairs;
}

const ENCODE_HINT =
  'Characters like @ / : ? # % in a user name or password must be percent-encoded in a URI: %40 %2F %3A %3F %23 %25.';

function decode(raw: string, what: string): string {
  try {
    const decoded = /%(?![0-9A-Fa-f]{2})/.test(raw) ? null : decodeURIComponent(raw);
    if (decoded !== null && !decoded.includes('\0')) return decoded;
  } catch {
    // Not UTF-8 after decoding; told below without the text.
  }
  throw notUnderstood(`the ${what} is not percent-encoded correctly`, ENCODE_HINT);
}

/** postgresql://[user[:password]@][host][:port][/dbname][?keyword=value[&…]] */
function splitUri(text: string): Pair[] {
  const pairs: Pair[] = [];
  const add = (keyword: string, start: number, end: number, what = keyword) => {
    if (end > start) pairs.push({ keyword, value: decode(text.slice(start, end), what), start, end });
  };
  let at = text.indexOf('://') + 3;
  const until = (stop: RegExp): number => {
    const found = text.slice(at).search(stop);
    return found < 0 ? text.length : at + found;
  };

  // Like libpq: credentials end at the first @, if it comes before any slash.
  const credentialsEnd = until(/[@/]/);
  const hasCredentials = text[credentialsEnd] === '@';
  if (hasCredentials) {
    const colon = text.slice(at, credentialsEnd).indexOf(':');
    add('user', at, colon < 0 ? credentialsEnd : at + colon);
    if (colon >= 0) add('password', at + colon + 1, credentialsEnd);
    at = credentialsEnd + 1;
  }

  if (text.slice(at, until(/[/?]/)).includes(',')) throw severalServers();
  if (text[at] === '[') {
    const close = text.indexOf(']', at);
    if (close < 0) throw notUnderstood('an IPv6 address does not end with ]');
    add('host', at + 1, close);
    at = close + 1;
    if (!/^([:/?]|$)/.test(text.slice(at, at + 1))) throw notUnderstood('unexpected text after the IPv6 address');
  } else {
    const end = until(/[:/?]/);
    if (text.slice(at, end).includes('@')) throw notUnderstood('there is more than one @', ENCODE_HINT);
    add('host', at, end);
    at = end;
  }
  if (text[at] === ':') {
    at += 1;
    const end = until(/[/?]/);
    // Anything but digits here is most likely the rest of a password.
    if (!/^[0-9]*$/.test(decode(text.slice(at, end), 'port'))) {
      throw notUnderstood('the port is not a number', ENCODE_HINT);
    }
    add('port', at, end);
    at = end;
  }
  if (text[at] === '/') {
    at += 1;
    const end = until(/\?/);
    if (!hasCredentials && text.slice(at, end).includes('@')) {
      throw notUnderstood('there is an @ after the first slash', ENCODE_HINT);
    }
    add('dbname', at, end, 'database name');
    at = end;
  }
  while (text[at] === '?' || text[at] === '&') {
    at += 1;
    if (at === text.length) break;
    const end = until(/&/);
    const part = text.slice(at, end);
    const equals = part.indexOf('=');
    if (equals < 1 || part.indexOf('=', equals + 1) >= 0) {
      throw notUnderstood('what follows the ? must be keyword=value, joined by &');
    }
    const keyword = decode(part.slice(0, equals), 'keyword');
    const value = decode(part.slice(equals + 1), 'value');
    const start = at;
    at = end;
    // As libpq does for strings that were made for JDBC.
    if (keyword === 'ssl' && value === 'true') pairs.push({ keyword: 'sslmode', value: 'require', start, end });
    else if (Object.hasOwn(KEYWORDS, keyword)) pairs.push({ keyword, value, start, end });
    else {
      throw notUnderstood(
        /^[A-Za-z_]+$/.test(keyword) ? `libpq knows no keyword ${JSON.stringify(keyword)}` : 'an unknown keyword',
        'Remove it, or see the list of keywords in the libpq chapter of the PostgreSQL manual.',
      );
    }
  }
  return pairs;
}
