import type { Model, Overlay, Reader } from '../../state/model.ts';
import { plannedHypertables, tablesWord } from '../../state/table-order.ts';
import type { Binding, KeyTable } from '../key-table.ts';
import { pages, reader, scrolling as scrollingKeys, updown } from './bindings.ts';
import { carryOverKey, resyncKey } from './engine.ts';
import { entryKeys } from './entry.ts';

const closing = (key: string): Binding => ({
  keys: ['esc', 'enter', ...(key === '' ? [] : [key])],
  footer: 'close',
  help: 'close',
  send: { type: 'close-overlay' },
});
const running = (model: Model): boolean => model.engine.progress !== null;
/** From one reader straight to another. */
const others = (
  [
    ['t', 'tables', 'the tables instead'],
    ['l', 'log', 'the log instead'],
    ['w', 'warnings', 'the warnings instead'],
  ] as const
).map(([key, name, help]) => ({ ...reader(key, name, help), when: running }));
/** Shows the chunks of a hypertable one by one. */
const openKey: Binding = {
  keys: ['space'],
  footer: 'chunks',
  help: 'show the chunks of this hypertable (of the plan: of all) one by one, or put them away',
  when: (model) => {
    const { progress } = model.engine;
    return progress ? tablesWord(progress) !== 'tables' : plannedHypertables(model).length > 0;
  },
  send: { type: 'toggle' },
};
const scrolling = (name: Reader, key: string, title: string): KeyTable => ({
  name,
  title,
  bindings: [
    closing(key),
    ...(name === 'tables' ? [openKey] : []),
    ...(name === 'check' ? entryKeys : []),
    ...updown.map((binding, at) => (at === 1 ? { ...binding, footer: 'scroll' } : binding)),
    ...others.filter((other) => !other.keys.includes(key)),
    ...(name === 'tables' ? [resyncKey] : []),
    ...(name === 'changes' ? [carryOverKey] : []),
  ],
});

/** One table an overlay; while it is open, the screen's own keys rest. */
export const OVERLAY_KEYS: Readonly<Record<Overlay['kind'], KeyTable>> = {
  check: scrolling('check', 'v', 'A check in full'),
  help: scrolling('help', '?', 'Help'),
  log: scrolling('log', 'l', 'Log'),
  tables: scrolling('tables', 't', 'Tables'),
  changes: scrolling('changes', 'D', 'What changed on the source'),
  warnings: scrolling('warnings', 'w', 'Warnings'),
  question: {
    name: 'question',
    title: 'A question',
    bindings: [
      {
        keys: ['y'],
        footer: (model) => (model.reading.isRead ? 'yes' : 'read on'),
        help: 'yes, do it; shows first what was not on the screen yet',
        send: (model) => ({ type: model.reading.isRead ? 'yes' : 'read-on' }),
      },
      { keys: ['n', 'esc'], footer: 'no', help: 'no, nothing happens', send: { type: 'close-overlay' } },
      ...scrollingKeys,
    ],
  },
  stop: {
    name: 'stop',
    title: 'Stop the engine',
    bindings: [
      {
        keys: ['enter'],
        footer: (model) => (model.reading.isRead ? 'stop the engine' : 'read on'),
        help: 'stop, when the word is typed; shows first what was not on the screen yet',
        send: (model) => ({ type: model.reading.isRead ? 'next' : 'read-on' }),
      },
      { keys: ['esc'], footer: 'let it run', help: 'let it run', send: { type: 'close-overlay' } },
      { keys: ['up'], help: 'up', send: { type: 'scroll', by: -1 } },
      { keys: ['down'], help: 'down', send: { type: 'scroll', by: 1 } },
      ...pages,
    ],
  },
};
