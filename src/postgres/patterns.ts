import { qualified } from './identifiers.ts';

/**
 * Patterns for `schema.table` as the options take them: `*` any characters, `?` one; `"…"` quotes a part, in which only
 * `""` is special. Case-sensitive. Without a dot (outside quotes) the pattern names a relation of any schema.
 */
export function matches(pattern: string, relation: { readonly schema: string; readonly name: string }): boolean {
  const parts = splitAtDot(pattern);
  const [first = [], second] = parts;
  if (parts.length > 2) return false;
  return second === undefined
    ? partMatches(first, relation.name)
    : partMatches(first, relation.schema) && partMatches(second, relation.name);
}

/** True when at least one of the patterns matches. */
export const matchesAny = (
  patterns: readonly string[],
  relation: { readonly schema: string; readonly name: string },
): boolean => patterns.some((pattern) => matches(pattern, relation));

/** The pattern that matches this one relation and no other, whatever characters its name has. */
export const exactPattern = (relation: { readonly schema: string; readonly name: string }): string =>
  qualified(relation);

type Token = { readonly text: string } | '*' | '?';

function splitAtDot(pattern: string): Token[][] {
  let part: Token[] = [];
  const parts = [part];
  let quoted = false;
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i += 1) {
    const char = chars[i] ?? '';
    if (char === '"') {
      if (quoted && chars[i + 1] === '"') {
        part.push({ text: '"' });
        i += 1;
      } else quoted = !quoted;
    } else if (!quoted && char === '.') {
      part = [];
      parts.push(part);
    } else if (!quoted && (char === '*' || char === '?')) part.push(char);
    else part.push({ text: char });
  }
  return parts;
}

/** By backtracking to the last `*` only, so that no pattern takes long. */
function partMatches(tokens: readonly Token[], text: string): boolean {
  const chars = [...text];
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < chars.length) {
    const wanted = tokens[token];
    if (wanted === '*') {
      star = token;
      starAt = at;
      token += 1;
    } else if (wanted === '?' || (typeof wanted === 'object' && wanted.text === chars[at])) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  while (tokens[token] === '*') token += 1;
  return token === tokens.length;
}
