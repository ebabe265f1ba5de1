import type { Model } from '../../state/model.ts';
import { hypertableRows, remediesOf } from '../../state/steps/hypertables.ts';
import { chosenFor, identityRows, selectedRow } from '../../state/steps/identity.ts';
import type { Binding, KeyTable } from '../key-table.ts';
import { back, reader, updown } from './bindings.ts';

const newIndexChosen = (model: Model): boolean => {
  const row = selectedRow(model);
  return row !== undefined && chosenFor(model.identity, row)?.kind === 'create-index';
};
const deciding = (model: Model): boolean => hypertableRows(model).length > 0 && !model.hypertables.editing;
const choosing = (model: Model): boolean => identityRows(model).length > 0 && !model.identity.editing;

/** Nothing runs on the source. */
const isFree = (model: Model): boolean => model.work.applying === null;

const stopIt: Binding = {
  keys: ['x'],
  footer: 'stop it',
  help: 'end what is being run on the source',
  when: (model) => model.work.applying !== null && !model.work.cancelling,
  send: { type: 'cancel-identities' },
};
const remediable = (model: Model): boolean =>
  deciding(model) && hypertableRows(model).some((row) => remediesOf(row).length > 0);

/** Keys of the replica identity screen. */
export const identityKeys: KeyTable = {
  name: 'identity',
  title: 'Replica identity',
  bindings: [
    {
      keys: ['enter'],
      footer: (model) => (model.identity.editing ? 'take it' : 'next'),
      help: 'on to the plan; in a field: take the text',
      send: { type: 'next' },
    },
    ...updown,
    { keys: ['left', 'h'], help: 'the choice before', when: choosing, send: { type: 'choose', by: -1 } },
    {
      keys: ['right', 'l', 'space'],
      footer: 'choice',
      help: 'the next choice',
      when: choosing,
      send: { type: 'choose', by: 1 },
    },
    stopIt,
    {
      keys: ['a'],
      footer: 'apply',
      help: "apply this table's choice, after a yes",
      when: choosing,
      offered: isFree,
      send: { type: 'apply' },
    },
    {
      keys: ['A'],
      footer: 'apply all',
      help: 'apply all that are open, after a yes',
      when: choosing,
      offered: isFree,
      send: { type: 'apply-all' },
    },
    {
      ...reader('v', 'check', 'the choices of this table in full: what each costs, all the SQL'),
      when: choosing,
    },
    {
      keys: ['s'],
      footer: 'save SQL',
      help: 'write the SQL of all that are open into a file, for somebody else to run',
      when: choosing,
      send: { type: 'save-identities' },
    },
    {
      keys: ['e'],
      footer: 'columns',
      help: 'name the columns of a new unique index',
      when: choosing,
      offered: (model) => newIndexChosen(model) && isFree(model),
      send: { type: 'edit-row' },
    },
    {
      keys: ['r'],
      footer: 'look again',
      help: 'look again at the source',
      when: (model) => !model.identity.editing,
      send: { type: 'rerun' },
    },
    back('back to the checks; in a field: drop the text'),
  ],
};

/** Keys of the hypertables screen. */
export const hypertableKeys: KeyTable = {
  name: 'hypertables',
  title: 'Hypertables',
  bindings: [
    {
      keys: ['enter'],
      footer: (model) => (model.hypertables.editing ? 'take it' : 'next'),
      help: 'on to the plan; in a field: take the text',
      send: { type: 'next' },
    },
    ...updown,
    {
      keys: ['space'],
      footer: 'choose',
      help: 'make this table a hypertable, or leave it as it is',
      when: deciding,
      send: { type: 'toggle' },
    },
    { keys: ['left', 'h'], help: 'the way to mend it before', when: remediable, send: { type: 'choose', by: -1 } },
    { keys: ['right', 'l'], help: 'the next way to mend it', when: remediable, send: { type: 'choose', by: 1 } },
    stopIt,
    {
      keys: ['a'],
      footer: 'mend',
      help: 'give this table on the source an identity that a hypertable can have, after a yes',
      when: deciding,
      offered: isFree,
      send: { type: 'apply' },
    },
    { ...reader('v', 'check', 'what hinders this table, and how it is put right'), when: deciding },
    {
      keys: ['o'],
      footer: 'leave keys out',
      help: 'leave out on the target unique keys and foreign keys that no hypertable can have, after a yes; or keep them',
      when: deciding,
      send: { type: 'omit-keys' },
    },
    {
      keys: ['c'],
      footer: 'compress',
      help: 'have the target compress its old chunks from the cut-over on, or not',
      when: deciding,
      send: { type: 'compress' },
    },
    {
      keys: ['e'],
      footer: 'edit',
      help: 'its time column, interval, hash dimension and compression',
      when: deciding,
      send: { type: 'edit-row' },
    },
    {
      keys: ['s'],
      footer: 'save SQL',
      help: 'write the SQL that mends them into a file, for somebody else to run',
      when: remediable,
      send: { type: 'save-identities' },
    },
    {
      keys: ['r'],
      footer: 'look again',
      help: 'look again at the source',
      when: (model) => !model.hypertables.editing,
      send: { type: 'rerun' },
    },
    back('back to replica identity; in a field: drop the text'),
  ],
};
