import { launchEngine } from '../engine/process/launch.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { bothConnections } from './connections.ts';
import type { CommandContext } from './context.ts';
import { engineProgram } from './engine.ts';
import { ended, follow } from './follow.ts';
import { optionsFrom } from './migration-options.ts';

/** `snapshot`: starts the engine up to the snapshot, with the spool filling; `migrate` lets it copy, `clean` ends it. */
export async function snapshot(context: CommandContext, flags: Record<string, unknown>): Promise<number> {
  const options = optionsFrom(context, flags);
  const { sourceText, targetText } = await bothConnections(context);
  const client = await launchEngine(engineProgram(), {
    source: sourceText,
    target: targetText,
    directory: context.directory,
    options,
    resume: false,
    waitForGo: true,
  });
  try {
    const code = await follow(client, {
      print: context.print,
      until: (event) => (event.type === 'snapshot' ? 0 : undefined),
      signal: context.signal,
      fromStart: true,
    });
    context.say(
      `The snapshot is held and changes are spooled by process ${client.pid}. Go on with migrate, or end it with clean.`,
    );
    context.printJson({ type: 'result', waiting: true, pid: client.pid });
    return code;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    const gone = ended(client);
    await client.request({ action: 'stop' }).catch(() => {});
    await gone;
    throw new MigrateError('TM9002', {
      side: 'local',
      message: 'the engine was stopped',
      hint: 'What it may have begun already is removed by clean.',
      cause: error,
    });
  } finally {
    client.detach();
  }
}
