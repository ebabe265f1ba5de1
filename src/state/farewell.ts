import { isCompressing } from './compression.ts';
import type { Model } from './model.ts';

/**
 * What stays on the shell after the screen is gone: whether anything runs, and how to come back. `comeBack` is the
 * command that does; from the demo there is no coming back.
 */
export function farewell(model: Model, comeBack: string): string[] {
  const { state, progress, stopped } = model.engine;
  if (model.isDemo) return demoFarewell(model);
  const goOn = [`Go on with: ${comeBack}`];
  if (progress?.phase === 'done') {
    const downtime = progress.downtime_ms === null ? '' : ` Downtime: ${(progress.downtime_ms / 1000).toFixed(1)} s.`;
    const goesOn = isCompressing(model) ? ['Old chunks are compressed on without this screen; look with status.'] : [];
    return [`Migration successfully completed.${downtime}`, ...goesOn];
  }
  if (progress?.phase === 'failed' || model.screen === 'failed') {
    const error = progress?.error ?? model.engine.closed;
    const what = error ? `: ${error.code} ${error.message}` : '.';
    return [`The migration has failed${what}`, ...(error ? [`  ${error.hint}`] : []), ...(progress ? goOn : [])];
  }
  if (stopped) return ['The engine is stopped; the migration can be resumed.', ...goOn];
  if (state === 'attached' && progress) {
    const goesOn = `The engine goes on without this screen (${progress.phase}).`;
    return [goesOn, `Come back with: ${comeBack}`];
  }
  if (state === 'closed' && model.engine.closed) {
    return ['The connection to the engine was lost; it may still be running.', ...goOn];
  }
  if (progress || model.existing) return ['The migration does not run now.', ...goOn];
  return model.work.changed
    ? ['Nothing was started. Tables of the source have a new replica identity: tiger-migrate-tui clean takes it back.']
    : ['Nothing was started.'];
}

/** Its servers, its engine and all data end with the screen: nothing is said of going on. */
function demoFarewell({ engine: { progress } }: Model): string[] {
  const ended = 'The demo has ended: its servers, its engine and their data are gone.';
  if (progress?.phase !== 'done') return [ended];
  const downtime = progress.downtime_ms === null ? '' : ` Downtime: ${(progress.downtime_ms / 1000).toFixed(1)} s.`;
  return [`Migration successfully completed.${downtime}`, ended];
}
