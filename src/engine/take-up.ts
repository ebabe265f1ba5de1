import { rm } from 'node:fs/promises';
import type pg from 'pg';
import { beginMigration, type HeldSnapshot, requireSameSource } from './begin.ts';
import { beginAgain, missingChanges } from './begin-again.ts';
import { forgetFreeze, unfreezeSource } from './cutover/fence.ts';
import { leaveSource } from './cutover/leave-source.ts';
import { type EngineInput, spoolDirectoryOf } from './engine.ts';
import { pluginOf } from './options.ts';
import { alreadyThere, nothingToResume, notThisOne } from './refusals.ts';
import { probeReplicaRole, type Servers } from './servers.ts';
import { type MigrationRow, readMigration, recordedObjects } from './target/progress-schema.ts';
import { pauseJobs } from './timescale/pause-jobs.ts';
import { undoBeginning } from './undo-beginning.ts';

/**
 * Begins a migration, or finds out from the target where one stands that is to be gone on with. `snapshot`: of a migration that
 * begins, and of one that begins again because changes were lost. Rejects when the target holds what is not asked for.
 */
export async function takeUp(
  input: EngineInput,
  at: { readonly servers: Servers; readonly source: pg.Client; readonly target: pg.Client },
): Promise<{ readonly migration: MigrationRow; readonly snapshot: HeldSnapshot | null }> {
  const { emit } = input;
  const { servers, source, target } = at;
  const found = await readMigration(target);
  // Ended before it was begun: a beginning that nobody could take back any more.
  const abandoned = found?.phase === 'snapshot';
  const copyAllAgain = input.resync?.length === 0 && !abandoned;
  if (found && (input.resume || abandoned) && !copyAllAgain) await requireSameSource(servers, found);
  if (found && input.resume && !abandoned) {
    if (found.phase === 'done') {
      // Its end may have been interrupted.
      if (found.id === input.id)
        await leaveSource({ source, target, migration: found, stopReceiving: async () => {}, emit });
      throw nothingToResume(input, found);
    }
    if (found.id !== input.id) throw notThisOne(input, found);
    await servers.endLeftOvers(target);
    servers.replicaRole = found.replicaRole;
    if ((await recordedObjects(target, 'source')).has('frozen')) {
      // An ALTER DATABASE that still waits there would freeze it again behind our back.
      await servers.endLeftOvers(source);
      await unfreezeSource(source);
      await forgetFreeze(target);
      emit({ type: 'log', text: 'A cut-over was interrupted: the source takes writes again and replay goes on.' });
    }
    // Somebody may have set one going meanwhile, or added one.
    await pauseJobs({ source, target, emit, signal: servers.signal });
    const again = { ...input, servers, source, target, migration: found };
    const lost = copyAllAgain ? await missingChanges(again) : null;
    return lost ? beginAgain(again, lost) : { migration: found, snapshot: null };
  }
  if (input.resume && !abandoned) throw nothingToResume(input, null);
  emit({ type: 'phase', phase: 'checks' });
  if (found && abandoned) {
    await undoBeginning(servers, found);
    emit({ type: 'log', text: 'Removed what an earlier attempt, which ended before its snapshot, has left.' });
  } else if (found && !input.options.dropIfExists) throw alreadyThere(input, found);
  // What must pass comes before anything is dropped: source and target may be one and the same by mistake.
  const provider = await input.preflight(source, target);
  if (input.options.dropIfExists) await input.dropEarlier(source, target);
  emit({ type: 'phase', phase: 'snapshot' });
  servers.replicaRole = await probeReplicaRole(target);
  await rm(spoolDirectoryOf(input.workDirectory), { recursive: true, force: true });
  const options = { ...input.options, plugin: pluginOf(input.options, provider).name };
  return beginMigration(servers, { ...input, options, source, target, replicaRole: servers.replicaRole });
}
