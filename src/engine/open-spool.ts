import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrateError } from '../errors/migrate-error.ts';
import { maxLsn } from '../postgres/lsn.ts';
import { type Engine, spoolDirectoryOf } from './engine.ts';
import { Receiver } from './source/receiver.ts';
import { readSlot, releaseSlot } from './source/slot.ts';
import { SpoolWatermark } from './spool/reader.ts';
import { SpoolWriter } from './spool/writer.ts';
import { readApplied } from './target/progress-schema.ts';

/** Bytes of the spool's disk that are left to others. */
const RESERVE_BYTES = 512 * 1024 * 1024;
const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface OpenSpool {
  readonly receiver: Receiver;
  readonly spool: SpoolWriter;
  readonly watermark: SpoolWatermark;
  readonly directory: string;
}

/** Opens the spool, and makes sure that no change is missing between what is applied, what is in it, and the slot. */
export async function openSpool(engine: Engine, signal: AbortSignal): Promise<OpenSpool> {
  const { input, migration, servers } = engine;
  const directory = spoolDirectoryOf(input.workDirectory);
  const receiver = new Receiver({
    connect: () => servers.replication('receive'),
    slot: migration.slot,
    publications: migration.publications,
    binary: migration.binaryStream,
    spoolDirectory: directory,
    reserveBytes: RESERVE_BYTES,
    emit: input.emit,
    signal,
  });
  let watermark: SpoolWatermark | null = null;
  const spool = await SpoolWriter.open({
    directory,
    segmentBytes: SEGMENT_BYTES,
    prologue: receiver.prologue,
    onReadable: (end) => watermark?.advance(end),
  });
  watermark = new SpoolWatermark(spool.end);
  // The mark says that this spool holds all that was ever confirmed to the source, but for what was applied.
  const mark = join(directory, 'migration');
  if (!input.resume) await writeFile(mark, migration.id, { mode: 0o600 });
  else await requireNothingMissing(engine, spool, (await readFile(mark, 'utf8').catch(() => '')) === migration.id);
  return { receiver, spool, watermark, directory };
}

async function requireNothingMissing(engine: Engine, spool: SpoolWriter, ours: boolean): Promise<void> {
  const { input, migration, source, target } = engine;
  await releaseSlot(source, migration.slot);
  const slot = await readSlot(source, migration.slot);
  if (!slot || slot.walStatus === 'lost') {
    throw new MigrateError('TM4002', {
      side: 'source',
      object: migration.slot,
      message: slot ? 'the source has removed WAL that the slot needed' : 'the replication slot is gone',
      hint: 'Start over with migrate --drop-if-exists.',
    });
  }
  const { appliedLsn } = await readApplied(target);
  const have = maxLsn(appliedLsn, spool.end.commitEnd);
  if (ours || slot.confirmedFlush === null || slot.confirmedFlush <= have) return;
  throw new MigrateError('TM4004', {
    side: 'local',
    object: input.workDirectory,
    message: 'the spool of this migration is not in the work directory, and the source has recycled its changes',
    hint: 'Give the --dir that the migration began with, or start over with migrate --drop-if-exists.',
  });
}
