import { focusedText } from '../../state/focus.ts';
import type { Model, Reader } from '../../state/model.ts';
import type { Binding } from '../key-table.ts';

/** Keys that several screens have alike. */

/** Further than anything is long: every list and reader ends where its content does. */
const ALL = 1_000_000;

/** In a field these keys are the cursor's. */
const isReading = (model: Model): boolean => focusedText(model) === null;

export const updown: Binding[] = [
  { keys: ['up', 'k'], help: 'up', send: { type: 'move', by: -1 } },
  { keys: ['down', 'j'], help: 'down', send: { type: 'move', by: 1 } },
  { keys: ['pageup'], help: 'a page up', send: { type: 'page', by: -1 } },
  { keys: ['pagedown'], help: 'a page down', send: { type: 'page', by: 1 } },
  { keys: ['home'], help: 'to the beginning', when: isReading, send: { type: 'move', by: -ALL } },
  { keys: ['end'], help: 'to the end', when: isReading, send: { type: 'move', by: ALL } },
];
/** Of a text beside fields: the arrows are those of the fields. */
export const pages: Binding[] = [
  { keys: ['pageup'], help: 'a page up', send: { type: 'page', by: -1 } },
  { keys: ['pagedown'], help: 'a page down', send: { type: 'page', by: 1 } },
];
/** Of a text that is only read. */
export const scrolling: Binding[] = [
  { keys: ['up', 'k'], help: 'up', send: { type: 'scroll', by: -1 } },
  { keys: ['down', 'j'], help: 'down', send: { type: 'scroll', by: 1 } },
  ...pages,
  { keys: ['home'], help: 'to the beginning', when: isReading, send: { type: 'scroll', by: -ALL } },
  { keys: ['end'], help: 'to the end', when: isReading, send: { type: 'scroll', by: ALL } },
];
export const fields: Binding[] = [
  { keys: ['tab', 'down'], footer: 'next field', help: 'next field', send: { type: 'focus', by: 1 } },
  { keys: ['shift-tab', 'up'], help: 'previous field', send: { type: 'focus', by: -1 } },
];
export const back = (help: string): Binding => ({ keys: ['esc'], footer: 'back', help, send: { type: 'back' } });
export const reader = (key: string, name: Reader, help: string): Binding => ({
  keys: [key],
  footer: name === 'check' ? 'view' : name,
  help,
  send: { type: 'read', reader: name },
});
