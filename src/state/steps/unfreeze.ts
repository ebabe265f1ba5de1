import type { ErrorReport } from '../../errors/migrate-error.ts';
import { withPassword } from '../connection-text.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';
import { resumeFrom } from './resume.ts';

/** Whether the source of a finished migration is read-only since its cut-over, and this screen may change that. */
export const mayUnfreeze = ({ engine, watch }: Model): boolean =>
  !watch && engine.progress?.phase === 'done' && engine.progress.source_read_only === true;

/** Asks before the old source takes writes again: what a forgotten client writes there is nowhere else. */
function ask(model: Model): Step {
  if (model.engine.state === 'attached') {
    const text = 'the source can be made writable once the chunks are compressed';
    return step({ ...model, notice: { tone: 'locked', text } });
  }
  const lines = [
    `Run on ${model.engine.progress?.source ?? 'the source'}:`,
    '  ALTER DATABASE … RESET default_transaction_read_only;',
    '',
    'The old database takes writes again. A client that still uses it then writes there, and these rows are not on the target.',
  ];
  const title = 'Make the source writable again?';
  return step({ ...model, overlay: { kind: 'question', title, lines, yes: { type: 'unfreeze' } } });
}

function unfreeze(model: Model): Step {
  const { existing, resume } = resumeFrom(model).model;
  if (!existing) return step(model);
  const source = withPassword(existing.source, resume.source.text);
  const target = withPassword(existing.target, resume.target.text);
  return step(model, { do: 'unfreeze', connections: { source, target } });
}

function unfrozen(model: Model, error: ErrorReport | null): Step {
  if (error !== null) {
    const text = `${error.code} ${error.message}; tiger-migrate-tui clean --unfreeze does it, too`;
    return step({ ...model, notice: { tone: 'fail', text } });
  }
  const { progress } = model.engine;
  return step({
    ...model,
    engine: { ...model.engine, progress: progress && { ...progress, source_read_only: false } },
    notice: { tone: 'info', text: 'the source takes writes again' },
  });
}

/** Messages about a source that the cut-over has left read-only; null when this is none. */
export function unfreezeStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'ask-unfreeze':
      return ask(model);
    case 'unfreeze':
      return unfreeze(model);
    case 'unfrozen':
      return unfrozen(model, message.error);
    default:
      return null;
  }
}
