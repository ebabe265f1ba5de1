import { KEYWORDS, SECRET_KEYWORDS } from './connection-keywords.ts';
import { isUri, splitConnectionString } from './connection-syntax.ts';

/**
 * The same connection string without any password. Also for text that does not parse: then rather too much is cut
 * out than too little.
 */
export function withoutPassword(text: string): string {
  const trimmed = text.trim();
  try {
    const secrets = splitConnectionString(trimmed).filter((pair) => SECRET_KEYWORDS.has(pair.keyword));
    let result = trimmed;
    // From the back, so that positions stay right.
    for (const { start, end } of secrets.reverse()) {
      result = isUri(trimmed) ? cutFromUri(result, start, end) : cutPair(result, start, end);
    }
    return result;
  } catch {
    return cutRoughly(trimmed);
  }
}

function cutFromUri(text: string, start: number, end: number): string {
  const before = text[start - 1];
  // In the credentials the colon goes too; among the parameters one of the two separators.
  if (before === ':') return text.slice(0, start - 1) + text.slice(end);
  if (before === '?' && text[end] === '&') return text.slice(0, start) + text.slice(end + 1);
  return text.slice(0, start - 1) + text.slice(end);
}

const cutPair = (text: string, start: number, end: number): string =>
  [text.slice(0, start).trimEnd(), text.slice(end).trimStart()].filter(Boolean).join(' ');

const ANY_KEYWORD = Object.keys(KEYWORDS).join('|');
const SECRET_TO_NEXT_KEYWORD = new RegExp(
  `\\b[\\w]*(?:pass|pwd|secret|scram)\\w*\\s*=.*?(?=\\s(?:${ANY_KEYWORD})\\s*=|$)`,
  'gis',
);

function cutRoughly(text: string): string {
  // Everything between the first colon of the credentials and the last @ may be the password.
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const rest = text.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  const colon = rest.indexOf(':');
  const withoutCredentials =
    at >= 0 && colon >= 0 && colon < at ? scheme + rest.slice(0, colon) + rest.slice(at) : text;
  return withoutCredentials
    .replace(/([?&])[^=&]*(?:pass|secret)[^=&]*=[^&]*&?/gi, '$1')
    .replace(SECRET_TO_NEXT_KEYWORD, '')
    .trim();
}
