import { launchEngine } from '../engine/process/launch.ts';
import { bothSettings, type CommandContext, optionsFrom } from './context.ts';
import { engineProgram } from './engine.ts';
import { follow } from './follow.ts';

/** `snapshot`: starts the engine up to the snapshot, with the spool filling; `migrate` lets it copy, `clean` ends it. */
export async function snapshot(context: CommandContext, flags: Record<string, unknown>): Promise<number> {
  const { sourceText, targetText } = await bothSettings(context);
  const options = optionsFrom(context, flags);
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
    });
    context.say(
      `The snapshot is held and changes are spooled by process ${client.pid}. Go on with migrate, or end it with clean.`,
    );
    return code;
  } catch (error) {
    if (context.signal.aborted) await client.request({ action: 'stop' }).catch(() => {});
    throw error;
  } finally {
    client.detach();
  }
}
