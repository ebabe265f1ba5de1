/**
 * Reads JSON text as bytes: no value becomes a number, a Date or an object on the way, digits stay the digits that the
 * source wrote. https://www.rfc-editor.org/rfc/rfc8259
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const U = 0x75;
const FIRST_PRINTABLE = 0x20;

/** What may follow a backslash, besides `u`, and the byte that it stands for. */
const ESCAPES = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ '"': 0x22, '\\': 0x5c, '/': 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  ESCAPES[letter.charCodeAt(0)] = byte;
}

/** The position behind the string whose opening quote stands at `start`; -1 when there is none, or no end of it. */
export function afterString(json: Buffer, start: number): number {
  if (json[start] !== QUOTE) return -1;
  for (let at = start + 1; at < json.length; at += 1) {
    if (json[at] === QUOTE) return at + 1;
    if (json[at] === BACKSLASH) at += 1;
  }
  return -1;
}

/** Where a string was read to, and where it was written to; -1 when it is none. */
export interface Unescaped {
  end: number;
  length: number;
}

/**
 * Writes what the string at `start` stands for to `into`, from `at` on, and says in `result` how far both went. Of `\u`
 * only what PostgreSQL writes is taken: control characters; all others stand for themselves, in UTF-8.
 */
export function unescapeString(json: Buffer, start: number, into: Buffer, at: number, result: Unescaped): void {
  result.end = -1;
  if (json[start] !== QUOTE) return;
  let to = at;
  for (let from = start + 1; from < json.length; from += 1) {
    let byte = json[from] as number;
    if (byte === QUOTE) {
      result.end = from + 1;
      result.length = to - at;
      return;
    }
    if (byte === BACKSLASH) {
      from += 1;
      const letter = json[from] as number;
      if (letter === U) {
        byte = controlAt(json, from + 1);
        if (byte < 0) return;
        from += 4;
      } else {
        byte = ESCAPES[letter] as number;
        if (!byte) return;
      }
    }
    into[to] = byte;
    to += 1;
  }
}

/** The control character whose four digits stand at `at`; -1 for anything else. */
function controlAt(json: Buffer, at: number): number {
  const digits = json.toString('latin1', at, at + 4);
  const code = /^00[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
  return code > 0 && code < FIRST_PRINTABLE ? code : -1;
}

/** The string at `start` as text, and the position behind it. Null when there is none. */
export function stringAt(json: Buffer, start: number): { text: string; end: number } | null {
  const end = afterString(json, start);
  if (end < 0) return null;
  const bytes = Buffer.allocUnsafe(end - start);
  const result = { end: -1, length: 0 };
  unescapeString(json, start, bytes, 0, result);
  return result.end === end ? { text: bytes.toString('utf8', 0, result.length), end } : null;
}

/** The position behind the number at `start`, `start` itself when there is none. PostgreSQL's own forms of it. */
export function afterNumber(json: Buffer, start: number): number {
  let at = start;
  for (; at < json.length; at += 1) {
    const byte = json[at] as number;
    const digit = byte >= 0x30 && byte <= 0x39;
    // - + . e E
    if (!digit && byte !== 0x2d && byte !== 0x2b && byte !== 0x2e && byte !== 0x65 && byte !== 0x45) break;
  }
  return at;
}
