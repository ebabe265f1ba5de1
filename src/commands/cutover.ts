import { createInterface } from 'node:readline/promises';
import { EngineClient } from '../engine/process/client.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';
import { follow } from './follow.ts';

/** `cutover`: fence, drain, finish; from any terminal. Ends with the cut-over's result. */
export async function cutover(
  context: CommandContext,
  flags: { freezeSource?: boolean; confirm?: string },
): Promise<number> {
  const client = await EngineClient.attach(context.directory);
  if (!client) {
    throw new MigrateError('TM1306', {
      side: 'local',
      object: context.directory,
      message: 'no engine answers in this work directory',
      hint: 'Start it again with migrate --resume, or give the --dir that it works in.',
    });
  }
  try {
    const confirm = flags.confirm ?? (await askName(context, client.progress.target_database));
    await client.request({ action: 'cutover', confirm, freezeSource: flags.freezeSource === true, override: null });
    let failed: MigrateError | null = null;
    return await follow(client, {
      print: (event) => {
        if (['cutover', 'phase', 'done', 'warning', 'error', 'log'].includes(event.type)) context.print(event);
      },
      until: (event) => {
        if (event.type === 'error') failed = new MigrateError(event.error.code, event.error);
        if (event.type === 'phase' && event.phase === 'done') return 0;
        if (failed) throw failed;
        return undefined;
      },
      signal: context.signal,
    });
  } finally {
    client.detach();
  }
}

async function askName(context: CommandContext, database: string): Promise<string> {
  if (!process.stdin.isTTY || context.flags.json) return '';
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await prompt.question(`Type the name of the target database (${database}) to cut over: `, {
      signal: context.signal,
    });
  } finally {
    prompt.close();
  }
}
