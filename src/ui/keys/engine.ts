import type { Model } from '../../state/model.ts';
import { changesToCarry } from '../../state/steps/carry-over.ts';
import { damagedTables } from '../../state/steps/engine.ts';
import type { Binding } from '../key-table.ts';
import { reader } from './bindings.ts';

export const connected = (model: Model): boolean => model.engine.state === 'attached';
/** Attached, and not only to look. */
export const commands = (model: Model): boolean => connected(model) && !model.engine.readonly;
/** Copies damaged tables again; offered while there are any. */
export const resyncKey: Binding = {
  keys: ['s'],
  footer: 'resync',
  help: 'copy the damaged tables again, after a yes',
  when: commands,
  offered: (model) => damagedTables(model).length > 0,
  send: { type: 'ask-resync' },
};
/** What changed on the source, with the statements for the target; offered while there is any. */
export const changesKey: Binding = {
  ...reader('D', 'changes', 'what changed on the source, and what to run on the target'),
  offered: (model) =>
    (model.engine.progress?.schema_changes.length ?? 0) + (model.engine.progress?.definition_changes.length ?? 0) > 0,
};
/** Brings changed definitions to the target; offered where there is a statement. */
export const carryOverKey: Binding = {
  keys: ['a'],
  footer: 'carry over',
  help: 'run the statements for changed definitions on the target, after a yes',
  when: commands,
  offered: (model) => changesToCarry(model).length > 0,
  send: { type: 'ask-carry-over' },
};
const lost = (model: Model): boolean => model.engine.state === 'closed';

/** Keys of the screens that show a running engine. */
export const engineKeys: Binding[] = [
  reader('t', 'tables', 'every table with its state'),
  reader('l', 'log', "the engine's newest lines"),
  reader('w', 'warnings', 'all warnings with their time'),
  changesKey,
  {
    keys: ['r'],
    footer: 'connect again',
    help: 'attach to the engine again after the connection broke',
    when: lost,
    send: { type: 'reattach' },
  },
  {
    keys: ['R'],
    footer: 'resume',
    help: 'start the engine again where it stopped',
    when: (model) => lost(model) && !model.watch,
    send: { type: 'rerun' },
  },
  {
    keys: ['d'],
    footer: 'dismiss error',
    help: 'put away the last error that the engine went on after',
    when: (model) => model.engine.trouble !== null,
    send: { type: 'dismiss-trouble' },
  },
  {
    keys: ['X'],
    footer: 'stop engine',
    help: 'stop the engine (asks, says what it costs; the migration can be resumed)',
    when: commands,
    send: { type: 'ask-stop' },
  },
];
