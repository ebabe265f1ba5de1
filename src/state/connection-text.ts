/**
 * Connection strings as text on a screen: which part is a secret, and how to put a password in. Reading them for
 * connecting is not done here. The two forms are those of libpq:
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
 */

/** Start and end (exclusive) in UTF-16 units. */
type Range = readonly [start: number, end: number];

const isUri = (text: string): boolean => /^\s*[a-z]+:\/\//i.test(text);

/** A complete port, also of several hosts: what follows a colon without being a password. */
const PORT = /^\d{1,5}(,[^:@/?]*(:\d{1,5})?)*[/?]/;

function uriSecret(text: string): Range | null {
  const start = text.indexOf('://') + 3;
  const lastAt = text.lastIndexOf('@');
  const firstAt = text.indexOf('@', start);
  const colon = text.startsWith('[', start) && firstAt < 0 ? text.indexOf(']:', start) + 1 : text.indexOf(':', start);
  if (colon < start) return null;
  if (firstAt >= 0) return colon < firstAt ? [colon + 1, lastAt] : null;
  // No @ yet: while it is being typed, a password looks like a port. Hide it until it can only be a port.
  const rest = text.slice(colon + 1);
  return PORT.test(rest) ? null : [colon + 1, text.length];
}

const QUERY_SECRET = /[?&](?:ssl)?password=([^&]*)/gi;
const KEY_VALUE_SECRET = /(?:^|\s)(?:ssl)?password\s*=\s*('(?:\\.|[^'\\])*'?|(?:\\.|[^\s\\])*)/gi;

/** The parts of a connection string that nobody may read over a shoulder. Rather too much than too little. */
export function secretRanges(text: string): Range[] {
  const ranges: Range[] = [];
  if (isUri(text)) {
    const password = uriSecret(text);
    if (password) ranges.push(password);
  }
  for (const match of text.matchAll(isUri(text) ? QUERY_SECRET : KEY_VALUE_SECRET)) {
    const secret = match[1] ?? '';
    const end = match.index + match[0].length;
    ranges.push([end - secret.length, end]);
  }
  return ranges.filter(([start, end]) => end > start);
}

/** The text with every character of a secret replaced, length kept so that a cursor stays where it is. */
export function maskConnection(text: string, mask = '•'): string {
  let shown = text;
  for (const [start, end] of secretRanges(text)) {
    shown = shown.slice(0, start) + mask.repeat([...shown.slice(start, end)].length) + shown.slice(end);
  }
  return shown;
}

/**
 * The password that `known` holds for the very server, user and database of `wanted`, both URIs; empty when it holds
 * none or means another. Somebody who gave it in the environment should not have to type it.
 */
export function passwordFor(wanted: string, known: string): string {
  if (!URL.canParse(wanted) || !URL.canParse(known)) return '';
  const [a, b] = [new URL(wanted), new URL(known)];
  if (a.username !== b.username || a.host !== b.host || a.pathname !== b.pathname) return '';
  const inside = b.password === '' ? b.searchParams.get('password') : b.password;
  try {
    return decodeURIComponent(inside ?? '');
  } catch {
    // A bare % in it: libpq would refuse the URI as well.
    return '';
  }
}

/** Does the text itself hold a password? */
export const holdsPassword = (text: string): boolean => secretRanges(text).length > 0;

/**
 * The connection string with this password in it. Text that holds one already, and an empty password, leave it as it is
 * (then libpq's PGPASSFILE and PGPASSWORD have their turn).
 */
export function withPassword(text: string, password: string): string {
  if (password === '' || text.trim() === '' || holdsPassword(text)) return text;
  if (!isUri(text)) return `${text} password='${password.replace(/[\\']/g, '\\$&')}'`;
  const start = text.indexOf('://') + 3;
  const at = text.indexOf('@', start);
  const encoded = encodeURIComponent(password);
  if (at < 0) return `${text}${text.includes('?') ? '&' : '?'}password=${encoded}`;
  const user = text.slice(start, at).replace(/:$/, '');
  return `${text.slice(0, start)}${user}:${encoded}${text.slice(at)}`;
}
