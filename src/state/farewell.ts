import { isCompressing } from './compression.ts';
import type { Model } from './model.ts';

/**
 * What stays on the shell after the screen is gone: whether anything runs, and how to come back. `comeBack` is the
 * command that does; null where there is no coming back (the demo's servers end with it).
 */
export function farewell(model: Model, comeBack: string | null): string[] {
  const { state, progress, stopped } = model.engine;
  const goOn = comeBack === null ? [] : [`Go on with: ${comeBack}`];
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
    return comeBack === null ? [goesOn] : [goesOn, `Come back with: ${comeBack}`];
  }
  if (state === 'closed' && model.engine.closed) {
    return ['The connection to the engine was lost; it may still be running.', ...goOn];
  }
  if (progress || model.existing) return ['The migration does not run now.', ...goOn];
  return model.work.changed
    ? ['Nothing was started. Tables of the source have a new replica identity: tiger-migrate-tui clean takes it back.']
    : ['Nothing was started.'];
}
