/**
 * Ink (6.8) ends the whole program with a TypeError when Control is held with a function key that it has no name for:
 * Ctrl-F1 of xterm, `ESC [ 1;5 P`. Such keys mean nothing here; they are taken out before Ink sees them.
 */

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html#h2-PC-Style-Function-Keys
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what keys send
const FUNCTION_KEY = /\u001b+(O|N|\[\[?)(?:(\d+);(\d+)([~^$])|(?:1;)?(\d+)([a-zA-Z]))/g;
const NAMED_LETTERS = /^[A-FH]$/;
const NAMED_NUMBERS = /^([1-8]|1[1-5]|1[7-9]|2[0134])$/;
const CONTROL = 4;

/** The text without the keys that Ink can't take. */
export function withoutUnknownKeys(text: string): string {
  return text.replace(FUNCTION_KEY, (key, prefix: string, number, first, end, second, letter) => {
    const modifier = Number(first ?? second) - 1;
    if ((modifier & CONTROL) === 0) return key;
    if (letter !== undefined) return prefix !== 'N' && prefix !== '[[' && NAMED_LETTERS.test(letter) ? key : '';
    return prefix === '[' && end === '~' && NAMED_NUMBERS.test(number) ? key : '';
  });
}

/** A terminal's input for Ink: the very stream, but for what `read` gives. */
export function inputOfKnownKeys(stdin: NodeJS.ReadStream): NodeJS.ReadStream {
  const read = (size?: number): unknown => {
    const chunk: unknown = stdin.read(size);
    return typeof chunk === 'string' ? withoutUnknownKeys(chunk) : chunk;
  };
  return new Proxy(stdin, {
    get(target, name) {
      if (name === 'read') return read;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
