import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { clean as removeTraces } from '../engine/clean/clean.ts';
import { changedIdentities, type RestoredIdentities, restoreIdentities } from '../engine/clean/restore-identities.ts';
import { removeSpool } from '../engine/open-spool.ts';
import { EngineClient } from '../engine/process/client.ts';
import { lockHolder } from '../engine/process/lock.ts';
import { forgetMigration, isOurs, isWorkDirectory, readMigrationFile } from '../engine/process/work-directory.ts';
import { Resources } from '../engine/resources.ts';
import { lockTarget } from '../engine/servers.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import { describeServer } from '../postgres/connection-string.ts';
import { displayName } from '../postgres/identifiers.ts';
import { bothConnections, type Connections, named, rememberedMigration } from './connections.ts';
import type { CommandContext } from './context.ts';

/**
 * `clean`: removes slot, publications, our schema and a freeze, and puts replica identities back; with `--prune` the work
 * directory goes too.
 */
export async function clean(
  context: CommandContext,
  flags: { prune?: boolean; keepIdentity?: boolean },
): Promise<number> {
  const { directory } = context;
  // Before the migration is forgotten, by whose file it is known.
  const ours = isWorkDirectory(await readdir(directory).catch(() => []));
  const connections = await bothConnections(context, await readMigrationFile(directory));
  const kept = await rememberedMigration(context, connections);
  await stopWaitingEngine(context);
  await using stack = new Resources();
  const source = await openIfThere(context, connections, 'source', stack);
  const target = await openIfThere(context, connections, 'target', stack);
  if (target) await requireNoEngine(target, connections);
  const removed = await removeTraces(source, target, kept?.id ?? null);
  const identities = await identitiesAgain(context, source, flags.keepIdentity ?? false);
  removed.push(...identities.removed);
  if (kept) {
    await removeSpool(directory);
    await forgetMigration(directory);
  }
  const { restored, left, failed } = identities;
  // Another clean needs what the directory remembers.
  if (flags.prune && failed.length === 0) {
    // Only what is ours: somebody may have pointed --dir at a directory that holds other things too.
    const names = ours ? await readdir(directory).catch(() => []) : [];
    for (const name of names.filter(isOurs)) await rm(join(directory, name), { recursive: true, force: true });
    if (ours) {
      await rmdir(directory).catch(() => {});
      removed.push(`local: work directory ${directory}`);
    } else {
      context.print({ type: 'warning', text: `${directory} is no work directory of ours: nothing is removed there.` });
    }
  }
  for (const what of removed) context.say(`Removed ${what}`);
  for (const what of [...restored, ...left]) context.say(what);
  for (const text of failed) context.print({ type: 'warning', text });
  if (removed.length + restored.length === 0) context.say('Nothing to remove.');
  context.printJson({ type: 'result', removed, restored, left, failed });
  return failed.length > 0 ? 1 : 0;
}

/** What the wizard has changed on tables of the source, unless it is to be kept. */
async function identitiesAgain(
  { directory }: CommandContext,
  source: pg.Client | null,
  keep: boolean,
): Promise<RestoredIdentities> {
  const report: RestoredIdentities = { restored: [], removed: [], left: [], failed: [] };
  if (!source) return report;
  if (!keep) return restoreIdentities(source, directory);
  for (const table of await changedIdentities(source, directory)) {
    if (table.set === null) continue;
    report.left.push(`source: replica identity of ${displayName(table)} is kept as the wizard set it`);
  }
  return report;
}

/** An engine that holds a snapshot, or has nothing more to do, is ended; any other is at work: TM1301. */
async function stopWaitingEngine({ directory, signal }: CommandContext): Promise<void> {
  const client = await EngineClient.attach(directory);
  if (client) {
    const { phase } = client.progress;
    if (phase === 'snapshot' || phase === 'done') await client.request({ action: 'stop' }).catch(() => {});
    client.detach();
    if (phase !== 'snapshot' && phase !== 'done') {
      throw new MigrateError('TM1301', {
        side: 'local',
        object: directory,
        message: `the migration is running (process ${client.pid}, phase ${phase})`,
        hint: 'Stop it first: Ctrl-C where migrate runs, or the stop action of the wizard.',
      });
    }
  }
  while ((await lockHolder(directory)) !== null) await delay(50, undefined, { signal });
}

/** Null when the server says that there is no such database (any more): what was in it is gone with it. */
async function openIfThere(
  context: CommandContext,
  connections: Connections,
  side: 'source' | 'target',
  stack: Resources,
): Promise<pg.Client | null> {
  try {
    const client = await connect(connections[side], { side, application: 'clean', signal: context.signal });
    stack.defer(() => destroy(client));
    return client;
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'TM1106') throw error;
    context.print({
      type: 'warning',
      text: `${named(side, connections[side])} does not exist: nothing to remove there.`,
    });
    return null;
  }
}

/** One that works from another directory would lose its slot and what it knows. TM1303. */
async function requireNoEngine(target: pg.Client, connections: Connections): Promise<void> {
  if (await lockTarget(target)) return;
  throw new MigrateError('TM1303', {
    side: 'target',
    object: describeServer(connections.target),
    message: 'an engine migrates into this database, from another work directory',
    hint: 'Stop it first, or give the --dir that it works in.',
  });
}
