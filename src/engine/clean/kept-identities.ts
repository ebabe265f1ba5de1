import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { SourceDatabase } from './source-identity.ts';

/** `pg_class.relreplident`: default, nothing, full, index. */
const IDENTITIES = ['d', 'n', 'f', 'i'] as const;

const keptIdentitySchema = z.object({
  system: z.string().nullable(),
  database: z.string(),
  /** The table stays the same under another name. */
  oid: z.string(),
  schema: z.string(),
  name: z.string(),
  /** What the table had before we touched it; `index` is the OID of the one it named. */
  before: z.object({ identity: z.enum(IDENTITIES), index: z.string().nullable() }),
  /** What we set, `index` by name; null while nothing is set yet. */
  set: z.object({ identity: z.enum(['f', 'i']), index: z.string().nullable() }).nullable(),
  /** Indexes of the table, by name, that we made or were about to make. */
  created: z.array(z.string()),
});
/** What a table's replica identity was before the wizard changed it. */
export type KeptIdentity = z.infer<typeof keptIdentitySchema>;

/** One file a table: thousands of them may be changed one after the other, each durably. */
const folderIn = (directory: string): string => join(directory, 'identities');

type Key = Pick<KeptIdentity, 'system' | 'database' | 'oid'>;

function pathOf(directory: string, { system, database, oid }: Key): string {
  const name = createHash('sha256')
    .update(JSON.stringify([system, database, oid]))
    .digest('hex');
  return join(folderIn(directory), `${name.slice(0, 24)}.json`);
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

async function readOne(path: string): Promise<KeptIdentity | null> {
  try {
    return keptIdentitySchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (isMissing(error)) return null;
    throw new MigrateError('TM1302', {
      side: 'local',
      object: path,
      message: 'what a table of the source had as replica identity cannot be read',
      hint: 'It may be of another version of this program. Move it away: then clean leaves that identity as it is.',
      cause: error,
    });
  }
}

/** What is remembered in a work directory, of whatever source. Rejects with TM1302 when a file is not understood. */
export async function readKeptIdentities(directory: string): Promise<KeptIdentity[]> {
  const names = await readdir(folderIn(directory)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const kept: KeptIdentity[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const identity = await readOne(join(folderIn(directory), name));
    if (identity !== null) kept.push(identity);
  }
  return kept.sort((one, other) => (`${one.schema}.${one.name}` < `${other.schema}.${other.name}` ? -1 : 1));
}

/** What is remembered of one table; null: nothing. */
export const keptIdentity = (directory: string, source: SourceDatabase, oid: string): Promise<KeptIdentity | null> =>
  readOne(pathOf(directory, { ...source, oid }));

/** Remembers a table, in place of what was remembered of it. To be awaited before the table is changed: it is durable then. */
export async function keepIdentity(directory: string, identity: KeptIdentity): Promise<void> {
  const path = pathOf(directory, identity);
  await mkdir(folderIn(directory), { recursive: true, mode: 0o700 });
  await syncFolder(directory);
  const file = await open(`${path}.next`, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(identity, null, 1));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.next`, path);
  await syncFolder(folderIn(directory));
}

/** A file that was renamed has its new name for good only then. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function forgetIdentity(directory: string, identity: KeptIdentity): Promise<void> {
  await rm(pathOf(directory, identity), { force: true });
  // When it was the last one.
  await rmdir(folderIn(directory)).catch(() => {});
}
