import { migrationOptionsSchema } from '../engine/options.ts';
import { Resources } from '../engine/resources.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import { bothConnections } from './connections.ts';
import type { CommandContext } from './context.ts';
import { preflight } from './preflight.ts';

/** `check`: all preflight checks; exit code 0, or 3 when one fails. */
export async function check(context: CommandContext): Promise<number> {
  const { source, target } = await bothConnections(context);
  await using stack = new Resources();
  const open = async (side: 'source' | 'target') => {
    const client = await connect(side === 'source' ? source : target, {
      side,
      application: 'check',
      signal: context.signal,
    });
    stack.defer(() => destroy(client));
    return client;
  };
  const counts = { pass: 0, warn: 0, fail: 0, info: 0 };
  let failure: MigrateError | null = null;
  try {
    await preflight({
      source: await open('source'),
      target: await open('target'),
      sourceSettings: source,
      targetSettings: target,
      options: migrationOptionsSchema.parse({ provider: context.flags.provider ?? null }),
      directory: context.directory,
      emit: (event) => {
        if (event.type === 'check') counts[event.status] += 1;
        context.print(event);
      },
      signal: context.signal,
    });
  } catch (error) {
    if (counts.fail === 0 || !(error instanceof MigrateError)) throw error;
    failure = error;
  }
  context.printJson({ type: 'result', ok: failure === null, ...counts });
  context.say(`${counts.pass} passed, ${counts.warn} to look at, ${counts.fail} failed.`);
  if (failure) throw failure;
  return 0;
}
