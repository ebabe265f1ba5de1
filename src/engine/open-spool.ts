import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { INVALID_LSN, type Lsn, maxLsn } from '../postgres/lsn.ts';
import { requireSameIdentity } from './begin.ts';
import { type Engine, spoolDirectoryOf } from './engine.ts';
import { type MigrationFile, readMigrationFile } from './process/work-directory.ts';
import { Receiver } from './source/receiver.ts';
import { readSlot, releaseSlot } from './source/slot.ts';
import { SpoolWatermark } from './spool/reader.ts';
import { holdsUpTo } from './spool/received-mark.ts';
import { recoverSpool, requireReadable } from './spool/recover.ts';
import { SpoolWriter } from './spool/writer.ts';
import { type MigrationRow, readApplied } from './target/progress-schema.ts';

/** Bytes of the spool's disk that are left to others. */
const RESERVE_BYTES = 512 * 1024 * 1024;
const RESERVE_SHARE = 1 / 16;
const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface OpenSpool {
  readonly receiver: Receiver;
  readonly spool: SpoolWriter;
  readonly watermark: SpoolWatermark;
  readonly directory: string;
}

/**
 * Opens the spool, and makes sure that no change is missing between what is applied, what is in it, and the slot. `fresh`:
 * the slot has just been made, and there can't be anything in the spool.
 */
export async function openSpool(engine: Engine, fresh: boolean, signal: AbortSignal): Promise<OpenSpool> {
  const { input, migration, servers } = engine;
  const directory = spoolDirectoryOf(input.workDirectory);
  let watermark: SpoolWatermark | null = null;
  const receiver = new Receiver({
    connect: async () => {
      const client = await servers.replication('receive');
      // Whoever answers at this address now may be another server than the one before.
      await requireSameIdentity(client, migration).catch((error: unknown) => {
        servers.destroy(client);
        throw error;
      });
      return client;
    },
    slot: migration.slot,
    plugin: engine.plugin,
    publications: migration.publications,
    binary: migration.binaryStream,
    spoolDirectory: directory,
    reserveBytes: RESERVE_BYTES,
    reserveShare: RESERVE_SHARE,
    isApplied: (position) => (watermark?.applied ?? INVALID_LSN) >= position,
    emit: input.emit,
    signal,
  });
  const spool = await SpoolWriter.open({
    directory,
    segmentBytes: SEGMENT_BYTES,
    prologue: receiver.prologue,
    onReadable: (end) => watermark?.advance(end),
  });
  watermark = new SpoolWatermark(spool.end);
  // The mark says whose spool this is.
  try {
    if (fresh) await writeFile(markOf(directory), migration.id, { mode: 0o600 });
    else await requireNothingMissing({ ...engine, workDirectory: input.workDirectory }, spool.durable);
  } catch (error) {
    await spool.close();
    throw error;
  }
  return { receiver, spool, watermark, directory };
}

const markOf = (spoolDirectory: string): string => join(spoolDirectory, 'migration');
const readMark = (spoolDirectory: string): Promise<string | null> =>
  readFile(markOf(spoolDirectory), 'utf8').then(
    (id) => id || null,
    () => null,
  );

/**
 * Rejects with TM1304 when the work directory holds the spool of another migration that is not done: its changes are
 * nowhere else any more. One into the same target goes with that target's remains when those are dropped.
 */
export async function requireNoOtherSpool(workDirectory: string, file: MigrationFile): Promise<void> {
  const standing = await readMark(spoolDirectoryOf(workDirectory));
  if (standing === null || standing === file.id) return;
  const kept = await readMigrationFile(workDirectory);
  if (file.options.dropIfExists && kept?.id === standing && kept.target === file.target) return;
  throw new MigrateError('TM1304', {
    side: 'local',
    object: workDirectory,
    message: `the work directory holds an unfinished migration${kept?.id === standing ? ` into ${kept.target}` : ''}`,
    hint: 'Go on with migrate --resume, end it with clean, or give another --dir for another migration.',
  });
}

/** What is in the spool is applied, or will never be. */
export const removeSpool = (workDirectory: string): Promise<void> =>
  rm(spoolDirectoryOf(workDirectory), { recursive: true, force: true });

/** Up to where the spool in `directory` holds everything. Rejects with TM4004 when something in it can't be read. */
export async function durableInSpool(directory: string, applied: Lsn): Promise<Lsn> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { commitEnd } = await recoverSpool(directory);
  await requireReadable(directory, applied);
  return holdsUpTo(directory, commitEnd);
}

/** Rejects with TM4002 or TM4004 when the source has recycled what neither the target nor the spool has. */
export async function requireNothingMissing(
  of: {
    readonly source: pg.Client;
    readonly target: pg.Client;
    readonly migration: Pick<MigrationRow, 'id' | 'slot'>;
    readonly workDirectory: string;
  },
  durable: Lsn,
): Promise<void> {
  const { workDirectory, migration, source, target } = of;
  await releaseSlot(source, migration.slot);
  const slot = await readSlot(source, migration.slot);
  if (!slot || slot.walStatus === 'lost') {
    throw new MigrateError('TM4002', {
      side: 'source',
      object: migration.slot,
      message: slot ? 'the source has removed WAL that the slot needed' : 'the replication slot is gone',
      hint: 'Copy all tables again, with a new slot: migrate --resync. Raise max_slot_wal_keep_size on the source first.',
    });
  }
  const { appliedLsn } = await readApplied(target);
  // The end of the spool may be deleted because it was applied; how far the source had come behind it still holds.
  const quiet = await holdsUpTo(spoolDirectoryOf(workDirectory), appliedLsn);
  const have = [appliedLsn, durable, quiet].reduce((a, b) => maxLsn(a, b));
  if (slot.confirmedFlush === null || slot.confirmedFlush <= have) return;
  const ours = (await readMark(spoolDirectoryOf(workDirectory))) === migration.id;
  throw new MigrateError('TM4004', {
    side: 'local',
    object: workDirectory,
    message: ours
      ? 'the spool has lost changes that were confirmed to the source, and the source has recycled them'
      : 'the spool of this migration is not in the work directory, and the source has recycled its changes',
    hint: ours
      ? 'All tables must be copied again, with a new slot: migrate --resync.'
      : 'Give the --dir that the migration began with, or copy all tables again, with a new slot: migrate --resync.',
  });
}
