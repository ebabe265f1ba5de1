import type { Key } from 'ink';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { withoutUnknownKeys } from '../../src/terminal/known-keys.ts';
import { fitKeys, footerKeys } from '../../src/ui/footer.tsx';
import { createKeyNormaliser } from '../../src/ui/key-press.ts';
import { messageFor } from '../../src/ui/key-table.ts';
import { ALL_TABLES, SCREEN_KEYS, tablesFor } from '../../src/ui/keys/tables.ts';
import { EVERY_SCREEN } from './every-screen.ts';
import { ERROR, event, reach } from './model-play.ts';

const NO_KEY: Key = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
  super: false,
  hyper: false,
  capsLock: false,
  numLock: false,
};
const names = (...events: readonly [string, Partial<Key>?][]): string[] => {
  const normalise = createKeyNormaliser();
  return events.flatMap(([input, key]) => normalise(input, { ...NO_KEY, ...key }).map((press) => press.key));
};

describe('keys that Ink has no name for', () => {
  it('are taken out, for it would throw; all others stay', () => {
    const unknown = [
      '\u001b[1;5P',
      '\u001b[1;6S',
      '\u001bO5x',
      '\u001b[25;5~',
      '\u001b[3;5^',
      '\u001b[[5A',
      '\u001bN5A',
    ];
    const known = [
      '\u001b[1;5D',
      '\u001b[1;2P',
      '\u001bOP',
      '\u001b[15;5~',
      '\u001b[A',
      '\u001b',
      '[1;5P',
      '\u001b[200~',
    ];
    expect(unknown.map((key) => withoutUnknownKeys(`a${key}b`))).toEqual(unknown.map(() => 'ab'));
    expect(known.map(withoutUnknownKeys)).toEqual(known);
  });
});

describe('the key normaliser', () => {
  it('knows Ink’s ways', () => {
    expect(names(['', { delete: true }], ['', { escape: true, meta: true }], ['', { tab: true, shift: true }])).toEqual(
      ['backspace', 'esc', 'shift-tab'],
    );
    expect(names(['c', { ctrl: true }], [' '], ['?'])).toEqual(['ctrl-c', 'space', '?']);
  });

  it('takes apart what arrives in one piece', () => {
    expect(names(['abc\r'], ['x\u0003'])).toEqual(['a', 'b', 'c', 'enter', 'x', 'ctrl-c']);
  });

  it('keeps a paste together, in pieces too, and presses no key in it', () => {
    const normalise = createKeyNormaliser();
    const all = ['[200~', 'postgres://h\r', '\nq', '[201~', 'q'].flatMap((input) => normalise(input, NO_KEY));
    expect(all).toEqual([
      { key: 'text', text: 'postgres://h' },
      { key: 'text', text: 'q' },
      { key: 'q', text: 'q' },
    ]);
  });

  it('ignores sequences that it does not know', () => {
    expect(names(['[1;5P'], ['x', { meta: true }])).toEqual([]);
  });
});

const model = (screen: Model['screen'], change: Partial<Model> = {}): Model => ({
  ...initialModel({ now: 0 }),
  screen,
  ...change,
});
const message = (key: string, of: Model) =>
  messageFor({ key, text: [...key].length === 1 ? key : null }, of, tablesFor(of));

describe('the key tables', () => {
  it('leave letters to the field that takes them', () => {
    expect(message('q', model('connect'))).toEqual({ type: 'edit', edit: { kind: 'insert', text: 'q' } });
    expect(message('q', model('checks'))).toEqual({ type: 'leave' });
    expect(message('ctrl-c', model('connect'))).toEqual({ type: 'leave' });
    expect(message('?', model('connect'))).toEqual({ type: 'edit', edit: { kind: 'insert', text: '?' } });
    expect(message('ctrl-g', model('connect'))).toEqual({ type: 'read', reader: 'help' });
  });

  it('leave letters and Space to commands where the fields of the cut-over are not there', () => {
    const confirmed = EVERY_SCREEN['cut-over, confirmed'] ?? model('cutover');
    const frozen = reach(confirmed, { type: 'focus', by: 1 });
    const nowhere: Record<string, Message> = {
      'the connection broke': { type: 'closed', error: ERROR },
      'tables are copied again': event({ type: 'phase', phase: 'copy' }),
    };
    for (const [why, what] of Object.entries(nowhere)) {
      const of = reach(confirmed, what);
      expect(message('l', of), why).toEqual({ type: 'read', reader: 'log' });
      expect(message('tab', of), why).toBeNull();
      expect(message('space', reach(frozen, what)), why).toBeNull();
    }
    expect(message('R', reach(confirmed, { type: 'closed', error: null }))).toEqual({ type: 'rerun' });
    const watched = { ...confirmed, watch: true, engine: { ...confirmed.engine, readonly: true } };
    expect(message('q', watched)).toEqual({ type: 'leave' });
    expect(message('l', confirmed)).toEqual({ type: 'edit', edit: { kind: 'insert', text: 'l' } });
  });

  it('let an overlay have the keys of the screen below', () => {
    const asked = model('checks', {
      overlay: { kind: 'question', title: '', lines: [], yes: { type: 'start' } },
    });
    expect(message('y', asked)).toEqual({ type: 'read-on' });
    expect(message('y', { ...asked, reading: { ...asked.reading, isRead: true } })).toEqual({ type: 'yes' });
    expect(message('r', asked)).toBeNull();
    expect(message('enter', asked)).toBeNull();
  });

  it('name in the footer only what works now', () => {
    const of = model('connect');
    expect(footerKeys(of, tablesFor(of), true).map(({ key }) => key)).toEqual(['Enter', 'Tab', '^R', '^G', '^C']);
  });

  it('keep help and leaving in the narrowest footer', () => {
    const of = model('checks');
    const keys = fitKeys(footerKeys(of, tablesFor(of), true), 20);
    expect(keys.map(({ label }) => label)).toEqual(['help', 'quit']);
  });

  it('never give one key two meanings that hold at once', () => {
    for (const table of ALL_TABLES) {
      const free = table.bindings.filter((binding) => !binding.when).flatMap((binding) => binding.keys);
      expect(new Set(free).size, table.name).toBe(free.length);
    }
  });

  it('have a way to leave on every screen', () => {
    for (const screen of Object.keys(SCREEN_KEYS) as Model['screen'][]) {
      expect(message('ctrl-c', model(screen)), screen).toEqual({ type: 'leave' });
    }
  });
});
