import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';

interface IndexName {
  readonly schema: string;
  readonly name: string;
}

const INVALID = `
SELECT n.nspname AS schema, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND NOT ${SYSTEM_SCHEMAS} ORDER BY 1, 2`;

/** Of one index: whether it is valid on the source, and what is attached to it there. */
const PARTS = `
SELECT i.indisvalid AS valid, pn.nspname AS schema, p.relname AS name, pg_get_indexdef(h.inhrelid) AS definition
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits h ON h.inhparent = i.indexrelid LEFT JOIN pg_class p ON p.oid = h.inhrelid
  LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 ORDER BY 2, 3`;

const IS_PART = `
SELECT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) AS attached
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('i', 'I')`;

/** The indexes of the target that are invalid there and valid on the source, with the statements that make each valid. */
async function readInvalidIndexes(
  source: pg.Client,
  target: pg.Client,
): Promise<(IndexName & { readonly sql: readonly string[] })[]> {
  const { rows } = await target.query<IndexName>(INVALID);
  const invalid = [];
  for (const index of rows) {
    const parts = await source.query<Record<'valid' | 'schema' | 'name' | 'definition', string | null>>(PARTS, [
      index.schema,
      index.name,
    ]);
    // Absent on the source: somebody has made it on the target. Invalid there, too: it is as it should be.
    if (parts.rows[0]?.valid !== 't') continue;
    const sql: string[] = [];
    for (const { schema, name, definition } of parts.rows) {
      if (schema === null || name === null) {
        // No parts: the index itself was not built to its end.
        sql.push(`REINDEX INDEX ${qualified(index)};`);
        continue;
      }
      const there = await target.query<{ attached: string }>(IS_PART, [schema, name]);
      if (there.rows[0]?.attached === 't') continue;
      if (there.rows.length === 0) sql.push(`${definition};`);
      sql.push(`ALTER INDEX ${qualified(index)} ATTACH PARTITION ${qualified({ schema, name })};`);
    }
    invalid.push({ ...index, sql });
  }
  return invalid;
}

/** Rejects with TM6005 when an index of the target is invalid and that of the source is valid. */
export async function requireValidIndexes(source: pg.Client, target: pg.Client): Promise<void> {
  const invalid = await readInvalidIndexes(source, target);
  if (invalid.length === 0) return;
  const statements = invalid.flatMap(({ sql }) => sql);
  throw new MigrateError('TM6005', {
    side: 'target',
    object: invalid.map(displayName)[0],
    message: `valid on the source and not on the target: ${invalid.map((index) => `index ${displayName(index)}`).join(', ')}`,
    hint:
      statements.length > 0
        ? ['Replay goes on. Run on the target, then cut over again:', ...statements].join('\n')
        : `Replay goes on. Run on the target, then cut over again:\n${invalid.map((index) => `REINDEX INDEX ${qualified(index)};`).join('\n')}`,
  });
}
