import { canCompressOn, isCompressing } from '../../state/compression.ts';
import { cutoverFocus } from '../../state/focus.ts';
import { cutoverStartLock, hasCutoverForm, isCutoverReady } from '../../state/gates.ts';
import type { Model, Screen } from '../../state/model.ts';
import { mayUnfreeze } from '../../state/steps/unfreeze.ts';
import type { KeyTable } from '../key-table.ts';
import { back, fields, pages, reader, scrolling, updown } from './bindings.ts';
import { commands, connected, engineKeys, resyncKey } from './engine.ts';
import { entryKeys } from './entry.ts';
import { hypertableKeys, identityKeys } from './source-tables.ts';

/** The cut-over has not begun. */
const isBefore = (model: Model): boolean => commands(model) && model.engine.progress?.phase !== 'cutover';

/** One table a screen. */
export const SCREEN_KEYS: Readonly<Record<Screen, KeyTable>> = {
  opening: { name: 'opening', title: 'Opening', bindings: [] },
  resume: {
    name: 'resume',
    title: 'Resume',
    bindings: [
      { keys: ['enter'], footer: 'resume', help: 'go on where it stopped', send: { type: 'next' } },
      ...fields,
      ...pages,
      { keys: ['ctrl-n'], footer: 'new migration', help: 'leave it and set up another', send: { type: 'start-over' } },
    ],
  },
  connect: {
    name: 'connect',
    title: 'Connect',
    bindings: [
      { keys: ['enter'], footer: 'checks', help: 'next field, or on to the checks', send: { type: 'next' } },
      ...fields,
      ...pages,
      { keys: ['ctrl-r'], footer: 'try again', help: 'connect to both again', send: { type: 'rerun' } },
    ],
  },
  checks: {
    name: 'checks',
    title: 'Checks',
    bindings: [
      { keys: ['enter'], footer: 'next', help: 'on to replica identity', send: { type: 'next' } },
      { keys: ['left', 'shift-tab', 'h'], help: 'the source kind to the left', send: { type: 'choose', by: -1 } },
      {
        keys: ['right', 'tab', 'l'],
        footer: 'tab',
        help: 'the source kind to the right',
        send: { type: 'choose', by: 1 },
      },
      ...updown,
      ...entryKeys,
      reader('v', 'check', 'all of this check or step: what was found, wanted, why, and the fix'),
      { keys: ['r'], footer: 'again', help: 'run the checks again', send: { type: 'rerun' } },
      back('back to the connections'),
      {
        keys: ['s'],
        footer: 'report',
        help: 'save a report for a ticket, without secrets',
        send: { type: 'save-report' },
      },
    ],
  },
  identity: identityKeys,
  hypertables: hypertableKeys,
  plan: {
    name: 'plan',
    title: 'Plan',
    bindings: [
      {
        keys: ['enter'],
        footer: (model) => (model.plan.editing ? 'take it' : 'start'),
        help: 'start the migration, after a yes; in a field: take the text',
        send: { type: 'next' },
      },
      ...updown,
      { keys: ['tab'], help: 'the next line', when: (model) => !model.plan.editing, send: { type: 'move', by: 1 } },
      {
        keys: ['shift-tab'],
        help: 'the line before',
        when: (model) => !model.plan.editing,
        send: { type: 'move', by: -1 },
      },
      { keys: ['e', 'space'], footer: 'change', help: 'change this line', send: { type: 'edit-row' } },
      reader('t', 'tables', 'every table of the plan, and what is left out'),
      { keys: ['r'], footer: 'plan again', help: 'read the source again', send: { type: 'rerun' } },
      back('back to replica identity; in a field: drop the text'),
    ],
  },
  dashboard: {
    name: 'dashboard',
    title: 'Dashboard',
    bindings: [
      {
        keys: ['c'],
        footer: (model) => (isCutoverReady(model) ? 'cut over' : 'cut over (locked)'),
        help: 'open the cut-over; says why when it is locked',
        when: connected,
        send: { type: 'open-cutover' },
      },
      resyncKey,
      ...engineKeys,
    ],
  },
  cutover: {
    name: 'cutover',
    title: 'Cut over',
    bindings: [
      {
        keys: ['enter'],
        footer: (model) => {
          if (cutoverStartLock(model) !== null) return 'cut over (locked)';
          return model.reading.isRead ? 'cut over' : 'read on';
        },
        help: 'start the cut-over; says what is missing when it is locked; shows first what was not on the screen yet',
        when: isBefore,
        send: (model) => ({ type: model.reading.isRead || cutoverStartLock(model) !== null ? 'next' : 'read-on' }),
      },
      ...fields.map((binding) => ({ ...binding, when: hasCutoverForm })),
      ...scrolling.map((binding) => ({
        ...binding,
        when: (model: Model) =>
          !hasCutoverForm(model) || (!binding.keys.includes('up') && !binding.keys.includes('down')),
      })),
      {
        keys: ['space'],
        footer: 'freeze on/off',
        help: 'make the source read-only and disconnect its writers first, or not',
        when: (model) => cutoverFocus(model) === 'freeze' && hasCutoverForm(model),
        send: { type: 'toggle' },
      },
      ...engineKeys,
      {
        ...back('back to the dashboard'),
        when: (model) => model.engine.progress?.phase !== 'cutover',
      },
    ],
  },
  done: {
    name: 'done',
    title: 'Done',
    bindings: [
      reader('t', 'tables', 'every table with its state'),
      reader('l', 'log', "the engine's newest lines"),
      reader('w', 'warnings', 'all warnings with their time'),
      {
        keys: ['r'],
        footer: 'compress on',
        help: 'start the engine again, which goes on compressing old chunks',
        when: canCompressOn,
        send: { type: 'rerun' },
      },
      {
        keys: ['X'],
        footer: 'stop compressing',
        help: 'stop the engine that compresses old chunks (asks; it can be gone on with)',
        when: (model) => commands(model) && isCompressing(model),
        send: { type: 'ask-stop' },
      },
      {
        keys: ['u'],
        footer: 'unfreeze source',
        help: 'let the source, which is read-only since the cut-over, take writes again (asks)',
        when: mayUnfreeze,
        send: { type: 'ask-unfreeze' },
      },
      {
        keys: ['ctrl-n'],
        footer: 'new migration',
        help: 'set up another migration',
        when: (model) => model.engine.state !== 'attached',
        send: { type: 'start-over' },
      },
      ...scrolling,
    ],
  },
  failed: {
    name: 'failed',
    title: 'Failed',
    bindings: [
      {
        keys: ['r', 'enter'],
        footer: 'resume',
        help: 'start the engine again where it stopped',
        when: (model) => model.engine.progress !== null && !model.watch,
        send: { type: 'rerun' },
      },
      {
        keys: ['esc'],
        footer: 'back',
        help: 'back to the connections',
        when: (model) => model.engine.progress === null && !model.watch,
        send: { type: 'back' },
      },
      ...scrolling,
      reader('l', 'log', "the engine's newest lines"),
      reader('t', 'tables', 'every table with its state'),
      reader('w', 'warnings', 'all warnings with their time'),
    ],
  },
};
