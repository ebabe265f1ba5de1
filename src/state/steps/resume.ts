import { withPassword } from '../connection-text.ts';
import { nextLock } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';
import type { ExistingMigration } from '../services.ts';
import { enterConnect } from './connect.ts';

/** The unfinished migration and the two passwords that it needs to go on. */
export const enterResume = (model: Model, existing: ExistingMigration): Step =>
  step({ ...model, existing, screen: 'resume', notice: null });

/** What is known of the migration after its engine failed or went away, as the resume screen wants it. */
export function resumeFrom(model: Model): Step {
  const { progress } = model.engine;
  const { source, target } = model.connect;
  const known = model.existing ?? {
    running: false,
    progress: progress ?? null,
    source: source.uri.text,
    target: target.uri.text,
  };
  if (known.progress === null) return enterConnect({ ...model, engine: { ...model.engine, state: 'none' } });
  const existing: ExistingMigration = { ...known, running: false, progress: progress ?? known.progress };
  const resume = {
    ...model.resume,
    source: model.resume.source.text === '' ? source.password : model.resume.source,
    target: model.resume.target.text === '' ? target.password : model.resume.target,
  };
  return enterResume({ ...model, resume }, existing);
}

/** Messages of the resume screen; null when it has no answer to this one. */
export function resumeStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'focus':
    case 'move':
      return step({
        ...model,
        resume: { ...model.resume, focus: model.resume.focus === 'source' ? 'target' : 'source' },
      });
    case 'start-over':
      return enterConnect({ ...model, engine: { ...model.engine, state: 'none', closed: null } });
    case 'next': {
      const lock = nextLock(model);
      if (lock !== null || !model.existing) {
        return step({ ...model, notice: { tone: 'locked', text: lock ?? 'there is nothing to resume' } });
      }
      const { source, target } = model.existing;
      return step(
        {
          ...model,
          resume: { ...model.resume, busy: true, error: null },
          engine: { ...model.engine, state: 'starting', closed: null },
        },
        {
          do: 'resume',
          connections: {
            source: withPassword(source, model.resume.source.text),
            target: withPassword(target, model.resume.target.text),
          },
        },
      );
    }
    default:
      return null;
  }
}
