import { isTyping } from '../state/focus.ts';
import type { Message } from '../state/messages.ts';
import type { Model } from '../state/model.ts';
import type { KeyPress } from './key-press.ts';

/** One line of a key table: what is pressed, what it says in the footer and the manual, what it sends. */
export interface Binding {
  readonly keys: readonly string[];
  /** Two or three words for the footer; absent: it is in the help only. */
  readonly footer?: string | ((model: Model) => string);
  readonly help: string;
  /** Absent: always. */
  readonly when?: (model: Model) => boolean;
  /** Whether it would do something now; if not, it stands in no footer, and pressed it says why. Absent: always. */
  readonly offered?: (model: Model) => boolean;
  readonly send: Message | ((model: Model) => Message);
}

/** The keys of one screen or overlay. */
export interface KeyTable {
  readonly name: string;
  readonly title: string;
  readonly bindings: readonly Binding[];
}

const NAMES: Readonly<Record<string, string>> = {
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  enter: 'Enter',
  esc: 'Esc',
  tab: 'Tab',
  'shift-tab': 'Shift-Tab',
  space: 'Space',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  home: 'Home',
  end: 'End',
  backspace: 'Backspace',
};
const PLAIN_NAMES: Readonly<Record<string, string>> = { up: 'Up', down: 'Down', left: 'Left', right: 'Right' };

/** The name of a key as it is written on it: `Enter`, `^C`, `q`. */
export function keyName(key: string, graphic = true): string {
  if (key.startsWith('ctrl-')) return `^${key.slice(5).toUpperCase()}`;
  return (graphic ? undefined : PLAIN_NAMES[key]) ?? NAMES[key] ?? key;
}

const isPrintable = (key: string): boolean => [...key].length === 1 || key === 'space' || key === 'text';

/** Would the binding do something now? */
export const answers = ({ when, offered }: Binding, model: Model): boolean =>
  (when?.(model) ?? true) && (offered?.(model) ?? true);

/** Does the key do something now? While a field takes what is typed, letters are letters. */
export function isLive(binding: Binding, model: Model): boolean {
  if (!answers(binding, model)) return false;
  return !isTyping(model) || binding.keys.some((key) => !isPrintable(key));
}

/** What a key press means; null when nothing. The first table that knows the key has it. */
export function messageFor(press: KeyPress, model: Model, tables: readonly KeyTable[]): Message | null {
  const typing = isTyping(model);
  if (typing && press.text !== null) return { type: 'edit', edit: { kind: 'insert', text: press.text } };
  for (const { bindings } of tables) {
    for (const binding of bindings) {
      if (!binding.keys.includes(press.key) || (binding.when && !binding.when(model))) continue;
      return typeof binding.send === 'function' ? binding.send(model) : binding.send;
    }
  }
  return null;
}
