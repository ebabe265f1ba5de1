import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { launchSchema } from '../engine/process/launch.ts';
import { type MigrateError, toMigrateError } from '../errors/migrate-error.ts';
import { runEngine } from './run-engine.ts';

/** How this program is started as an engine of its own. */
export const engineProgram = (): [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL('../cli.js', import.meta.url)),
  'engine',
];

/**
 * `engine` (not for people): runs a migration as told on standard input, detached from any terminal. A failure before
 * anybody could attach goes to standard output as one line.
 */
export async function engine(signal: AbortSignal): Promise<number> {
  // The screen that started us may go at any time, and its pipes with it.
  process.stdout.on('error', () => {});
  process.on('SIGHUP', () => {});
  const tell = (failure: MigrateError) => process.stdout.write(`${JSON.stringify({ failure: failure.report() })}\n`);
  try {
    const launch = launchSchema.parse(JSON.parse(await text(process.stdin)));
    const failure = await runEngine({ ...launch, env: process.env, onEvent: () => {}, onReady: () => {}, signal });
    if (failure === null) return 0;
    // Should nobody have attached yet, this is how they hear of it.
    tell(failure);
    return failure.kind.exit;
  } catch (error) {
    tell(toMigrateError(error));
    return 1;
  }
}
