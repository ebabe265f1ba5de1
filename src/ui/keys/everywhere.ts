import { focusedText } from '../../state/focus.ts';
import type { Model } from '../../state/model.ts';
import type { FieldEdit } from '../../state/text-field.ts';
import type { Binding, KeyTable } from '../key-table.ts';

const typing = (model: Model): boolean => focusedText(model) !== null;
const edit = (keys: readonly string[], help: string, kind: Exclude<FieldEdit['kind'], 'insert'>): Binding => ({
  keys,
  help,
  when: typing,
  send: { type: 'edit', edit: { kind } },
});

/** Inside a text field. */
export const FIELD_KEYS: KeyTable = {
  name: 'field',
  title: 'In a text field',
  bindings: [
    edit(['left', 'ctrl-b'], 'a character left', 'left'),
    edit(['right', 'ctrl-f'], 'a character right', 'right'),
    edit(['home', 'ctrl-a'], 'to the beginning', 'home'),
    edit(['end', 'ctrl-e'], 'to the end', 'end'),
    edit(['backspace', 'ctrl-h'], 'delete the character before the cursor', 'backspace'),
    edit(['ctrl-d'], 'delete the character under the cursor', 'delete'),
    edit(['ctrl-w'], 'delete the word before the cursor', 'kill-word'),
    edit(['ctrl-u'], 'delete all before the cursor', 'kill-left'),
    edit(['ctrl-k'], 'delete all behind the cursor', 'kill-right'),
  ],
};

/** On every screen. */
export const GLOBAL_KEYS: KeyTable = {
  name: 'everywhere',
  title: 'Everywhere',
  bindings: [
    {
      keys: ['?', 'ctrl-g'],
      footer: 'help',
      help: 'the keys of this screen',
      send: { type: 'read', reader: 'help' },
    },
    {
      keys: ['q', 'ctrl-c'],
      footer: (model) => (model.isDemo ? 'end demo' : model.engine.state === 'attached' ? 'leave' : 'quit'),
      help: 'leave the screen; a running engine goes on (a demo asks, and ends); a second Ctrl-C leaves at once',
      send: { type: 'leave' },
    },
  ],
};
