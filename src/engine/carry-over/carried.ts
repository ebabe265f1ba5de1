import type pg from 'pg';

/** Kind of the records of statements that the operator wants to be run in the cut-over. Each is named by the key of its object. */
const KIND = 'carried over';

const FINGERPRINT = 'fingerprint of definitions';

/** Records the fingerprint of the definitions that the target was made from. */
export async function recordFingerprint(target: pg.Client, fingerprint: string): Promise<void> {
  await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1', [FINGERPRINT]);
  await target.query('INSERT INTO tiger_migrate.object (kind, name) VALUES ($1, $2)', [FINGERPRINT, fingerprint]);
}

export async function readFingerprint(target: pg.Client): Promise<string | null> {
  const { rows } = await target.query<{ name: string }>('SELECT name FROM tiger_migrate.object WHERE kind = $1', [
    FINGERPRINT,
  ]);
  return rows[0]?.name ?? null;
}

export async function readCarried(target: pg.Client): Promise<ReadonlyMap<string, string>> {
  const { rows } = await target.query<{ name: string; detail: string }>(
    'SELECT name, detail FROM tiger_migrate.object WHERE kind = $1',
    [KIND],
  );
  return new Map(rows.map(({ name, detail }) => [name, detail]));
}

/** Forgets objects whose definition on the source has changed again. */
export async function forgetCarried(target: pg.Client, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1 AND name = ANY ($2::text[])', [KIND, keys]);
}

export async function recordCarried(target: pg.Client, key: string, sql: readonly string[]): Promise<void> {
  await target.query(
    `INSERT INTO tiger_migrate.object (kind, name, detail) VALUES ($1, $2, $3)
       ON CONFLICT (kind, name) DO UPDATE SET detail = excluded.detail`,
    [KIND, key, JSON.stringify(sql)],
  );
}
