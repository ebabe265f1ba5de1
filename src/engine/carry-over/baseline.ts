import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type pg from 'pg';
import { type Entry, keyOf } from '../definitions/entry.ts';
import { type Definitions, readDefinitions } from '../definitions/read.ts';
import { importSnapshot } from '../source/snapshot.ts';
import { definitionsFingerprint } from './fingerprint.ts';

/** The source's definitions as they were when its schema was dumped: a compressed JSON array, beside the dump. */
const FILE = 'definitions.json.gz';

/**
 * Reads the source's definitions in the snapshot of the dump and keeps them in the work directory. In a session of its own, so that
 * no lock outlives the reading. Gives their fingerprint.
 */
export async function keepBaseline(source: pg.Client, snapshot: string, workDirectory: string): Promise<string> {
  await importSnapshot(source, snapshot);
  try {
    const fingerprint = await definitionsFingerprint(source);
    const { version, entries } = await readDefinitions(source, false);
    const text = JSON.stringify([version, ...entries.values()]);
    await writeFile(join(workDirectory, FILE), await promisify(gzip)(text), { mode: 0o600 });
    return fingerprint;
  } finally {
    await source.query('ROLLBACK').catch(() => {});
  }
}

/** Null: there is none; an older version began the migration, or somebody has removed it. */
export async function readBaseline(workDirectory: string): Promise<Definitions | null> {
  const packed = await readFile(join(workDirectory, FILE)).catch(() => null);
  if (packed === null) return null;
  const [version, ...entries] = JSON.parse((await promisify(gunzip)(packed)).toString('utf8')) as [number, ...Entry[]];
  return { version, entries: new Map(entries.map((entry) => [keyOf(entry), entry])) };
}
