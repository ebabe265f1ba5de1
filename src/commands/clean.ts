import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { clean as removeTraces } from '../engine/clean/clean.ts';
import { EngineClient } from '../engine/process/client.ts';
import { lockHolder, readMigrationFile } from '../engine/process/work-directory.ts';
import { Resources } from '../engine/resources.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import { bothSettings, type CommandContext } from './context.ts';

/** `clean`: removes slot, publications, our schema and a freeze; with `--prune` the work directory too. */
export async function clean(context: CommandContext, flags: { prune?: boolean }): Promise<number> {
  const { directory } = context;
  const client = await EngineClient.attach(directory);
  if (client && client.progress.phase !== 'snapshot' && client.progress.phase !== 'done') {
    client.detach();
    throw new MigrateError('TM1301', {
      side: 'local',
      object: directory,
      message: `the migration is running (process ${client.pid}, phase ${client.progress.phase})`,
      hint: 'Stop it first: Ctrl-C where migrate runs, or the stop action of the wizard.',
    });
  }
  if (client) {
    await client.request({ action: 'stop' }).catch(() => {});
    while ((await lockHolder(directory)) !== null) await delay(50, undefined, { signal: context.signal });
  }
  const { source, target } = await bothSettings(context);
  await using stack = new Resources();
  const onSource = await connect(source, { side: 'source', application: 'clean', signal: context.signal });
  stack.defer(() => destroy(onSource));
  const onTarget = await connect(target, { side: 'target', application: 'clean', signal: context.signal });
  stack.defer(() => destroy(onTarget));
  const kept = await readMigrationFile(directory);
  const removed = await removeTraces(onSource, onTarget, kept?.id ?? null);
  if (flags.prune) {
    // Only what is ours: somebody may have pointed --dir at a directory that holds other things too.
    for (const name of OUR_FILES) await rm(`${directory}/${name}`, { recursive: true, force: true });
    removed.push(`local: work directory ${directory}`);
  }
  for (const what of removed) context.say(`Removed ${what}`);
  if (removed.length === 0) context.say('Nothing to remove.');
  context.printJson({ type: 'result', removed });
  return 0;
}

const OUR_FILES = [
  'spool',
  'schema.dump',
  'engine.log',
  'engine.lock',
  'engine.sock',
  'progress.json',
  'migration.json',
  'wizard.json',
];
