import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { clean as removeTraces } from '../engine/clean/clean.ts';
import { describeFreeze } from '../engine/clean/freeze.ts';
import { readKeptIdentities } from '../engine/clean/kept-identities.ts';
import { changedIdentities, type RestoredIdentities, restoreIdentities } from '../engine/clean/restore-identities.ts';
import { isFrozen } from '../engine/cutover/fence.ts';
import { removeSpool } from '../engine/open-spool.ts';
import { EngineClient } from '../engine/process/client.ts';
import { lockHolder } from '../engine/process/lock.ts';
import { forgetMigration, isOurs, isWorkDirectory, readMigrationFile } from '../engine/process/work-directory.ts';
import { Resources } from '../engine/resources.ts';
import { lockTarget } from '../engine/servers.ts';
import { readMigration } from '../engine/target/progress-schema.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import { describeServer } from '../postgres/connection-string.ts';
import { displayName } from '../postgres/identifiers.ts';
import { bothConnections, type Connections, named, namesServer, rememberedMigration } from './connections.ts';
import type { CommandContext } from './context.ts';

/**
 * `clean`: removes slot, publications and our schema, and puts replica identities back; with `--prune` the work directory goes
 * too. The freeze of a source is lifted when the migration is not finished, else only with `--unfreeze`.
 */
export async function clean(
  context: CommandContext,
  flags: { prune?: boolean; keepIdentity?: boolean; unfreeze?: boolean },
): Promise<number> {
  const { directory } = context;
  if (flags.prune && !flags.unfreeze && (await needsNoServer(context))) return pruneOnly(context);
  // Before the migration is forgotten, by whose file it is known.
  const ours = isWorkDirectory(await readdir(directory).catch(() => []));
  const connections = await bothConnections(context, await readMigrationFile(directory));
  const kept = await rememberedMigration(context, connections);
  await stopWaitingEngine(context);
  await using stack = new Resources();
  const source = await openIfThere(context, connections, 'source', stack);
  const target = await openIfThere(context, connections, 'target', stack);
  if (target) await requireNoEngine(target, connections);
  const unfreeze = flags.unfreeze ?? (await asksToUnfreeze(context, source, target));
  const removed = await removeTraces(source, target, kept?.id ?? null, { unfreeze });
  const identities = await identitiesAgain(context, source, flags.keepIdentity ?? false);
  removed.push(...identities.removed);
  if (kept) {
    await removeSpool(directory);
    await forgetMigration(directory);
  }
  const frozen = source && (await describeFreeze(source));
  if (frozen) identities.left.push(frozen);
  const { restored, left, failed } = identities;
  // Another clean needs what the directory remembers.
  if (flags.prune && failed.length === 0) {
    removed.push(...(await prune(context, ours)));
  }
  for (const what of removed) context.say(`Removed ${what}`);
  for (const what of [...restored, ...left]) context.say(what);
  for (const text of failed) context.print({ type: 'warning', text });
  if (removed.length + restored.length === 0) context.say('Nothing to remove.');
  context.printJson({ type: 'result', removed, restored, left, failed });
  return failed.length > 0 ? 1 : 0;
}

/** Nothing is known here that waits on a server, and none is named: an earlier `clean` has been there. */
async function needsNoServer(context: CommandContext): Promise<boolean> {
  const { directory } = context;
  if (namesServer(context) || (await readMigrationFile(directory))) return false;
  return (await readKeptIdentities(directory)).length === 0;
}

async function pruneOnly(context: CommandContext): Promise<number> {
  const names = await readdir(context.directory).catch(() => null);
  await stopWaitingEngine(context);
  const removed = names === null ? [] : await prune(context, isWorkDirectory(names));
  for (const what of removed) context.say(`Removed ${what}`);
  context.say(
    removed.length === 0
      ? 'Nothing to remove.'
      : 'It held no migration. To clean the servers too, name them: --source and --target.',
  );
  context.printJson({ type: 'result', removed, restored: [], left: [], failed: [] });
  return 0;
}

/** Removes the work directory. Only what is ours: somebody may have pointed --dir at one that holds other things too. */
async function prune({ directory, print }: CommandContext, ours: boolean): Promise<string[]> {
  if (!ours) {
    print({ type: 'warning', text: `${directory} is no work directory of ours: nothing is removed there.` });
    return [];
  }
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter(isOurs)) await rm(join(directory, name), { recursive: true, force: true });
  await rmdir(directory).catch(() => {});
  return [`local: work directory ${directory}`];
}

/** After a finished migration with a freeze: at a terminal it is asked for, anywhere else it stays. */
async function asksToUnfreeze(
  context: CommandContext,
  source: pg.Client | null,
  target: pg.Client | null,
): Promise<boolean> {
  const { flags, signal } = context;
  if (!source || !target || flags.yes || flags.json || !process.stdin.isTTY || !process.stderr.isTTY) return false;
  if ((await readMigration(target))?.phase !== 'done' || !(await isFrozen(source))) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const question =
    'The source is read-only since the cut-over, so that no forgotten client writes into it. Make it writable again? [y/N] ';
  try {
    return /^y(es)?$/i.test((await prompt.question(question, { signal })).trim());
  } finally {
    prompt.close();
  }
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
