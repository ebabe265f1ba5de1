import type { Model } from '../../src/state/model.ts';
import { ERROR, event, reach } from './model-play.ts';
import { played } from './played.ts';
import { compressionSteps } from './scripted-migration.ts';

const FULL_TARGET = {
  code: 'TM1112',
  side: 'target',
  message: 'compressing chunks: could not extend file: No space left on device',
  hint: 'Give the server a bigger disk or make room on it.',
} as const;

/** The end of a migration whose old chunks are compressed. */
export function compressionScreens(done: Model): Record<string, Model> {
  const compressing = played(done, compressionSteps(), 17);
  return {
    'done, compressing': compressing,
    'done, compressing, a trouble': reach(
      compressing,
      event({ type: 'retry', what: 'compressing chunks', policy: 'operator', error: FULL_TARGET, retry_ms: 5000 }),
    ),
    'done, compressing, held by others': reach(
      compressing,
      event({
        type: 'compression',
        state: 'running',
        chunks_total: 48,
        chunks_done: 46,
        chunks_held: 2,
        bytes_before: 2 ** 33,
        bytes_after: 2 ** 29,
        relation: null,
        chunk: null,
      }),
    ),
    'done, compressing, to be stopped': reach(compressing, { type: 'ask-stop' }),
    'done, compression stopped': reach(compressing, { type: 'closed', error: { ...ERROR, code: 'TM1109' } }),
    'done, compressed': played(compressing, compressionSteps(), Number.POSITIVE_INFINITY),
  };
}
