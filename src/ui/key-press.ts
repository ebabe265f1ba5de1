import type { Key } from 'ink';

/** One key: its name (`enter`, `ctrl-c`, `q`, `text` for a paste) and what it would type. */
export interface KeyPress {
  readonly key: string;
  readonly text: string | null;
}

const named = (key: string): KeyPress => ({ key, text: null });
const typed = (text: string): KeyPress => ({ key: text === ' ' ? 'space' : text, text });

const PASTE_BEGIN = '[200~';
const PASTE_END = '[201~';

/** Control characters that may stand in the middle of what arrives in one piece. */
const CONTROL: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\u007f': 'backspace',
  '\u001b': 'esc',
};

function special(key: Key): string | null {
  if (key.upArrow) return 'up';
  if (key.downArrow) return 'down';
  if (key.leftArrow) return 'left';
  if (key.rightArrow) return 'right';
  if (key.pageUp) return 'pageup';
  if (key.pageDown) return 'pagedown';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.return) return 'enter';
  if (key.tab) return key.shift ? 'shift-tab' : 'tab';
  // Ink names the backspace key `delete` and cannot tell the two apart.
  if (key.backspace || key.delete) return 'backspace';
  if (key.escape) return 'esc';
  return null;
}

/** Splits a run of characters into keys: what was typed fast, or by a script, arrives in one piece. */
function split(input: string): KeyPress[] {
  const presses: KeyPress[] = [];
  for (const character of input) {
    const control = CONTROL[character];
    const code = character.codePointAt(0) ?? 0;
    if (control !== undefined) {
      presses.push(named(control));
    } else if (code >= 0x20) {
      presses.push(typed(character));
    } else if (code >= 1 && code <= 26 && character !== '\n') {
      presses.push(named(`ctrl-${String.fromCharCode(code + 96)}`));
    }
  }
  return presses;
}

/**
 * The one place that knows how Ink tells keys: Backspace comes as `delete`, Esc sets `meta`, `abc\r` is one event, and
 * a bracketed paste comes as its two marks around text that may come in several pieces. Give it every event in order.
 */
export function createKeyNormaliser(): (input: string, key: Key) => KeyPress[] {
  let pasting = false;
  return (input, key) => {
    if (input === PASTE_BEGIN || input === PASTE_END) {
      pasting = input === PASTE_BEGIN;
      return [];
    }
    if (pasting) {
      // Inside a paste nothing is a key: a line break there must not press Enter.
      const text = input.replace(/[\r\n\t]/g, '');
      return text === '' ? [] : [{ key: 'text', text }];
    }
    const name = special(key);
    if (name !== null) return [named(name)];
    if (key.ctrl && input.length === 1) return [named(`ctrl-${input.toLowerCase()}`)];
    // Alt and a letter, and escape sequences that Ink does not know, mean nothing here.
    if (key.meta || /^\[[\d;]*[~A-Za-z]$/.test(input)) return [];
    return split(input);
  };
}
