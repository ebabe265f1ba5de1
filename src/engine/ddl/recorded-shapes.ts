import type pg from 'pg';
import { readShapes, type TableShape } from './shape.ts';

/** Tables whose shapes are read, or written, at once: bounds the memory, however many there are. */
const AT_ONCE = 500;

/**
 * Records on the target what the source's tables look like: the shapes that the target's rows correspond to. Begun with
 * those of the snapshot; renewed by a copy, and when the target has been altered as the source was.
 */
export async function recordShapes(source: pg.Client, target: pg.Client, oids: readonly number[]): Promise<void> {
  for (let start = 0; start < oids.length; start += AT_ONCE) {
    await writeShapes(target, await readShapes(source, oids.slice(start, start + AT_ONCE)));
  }
}

/** Of those tables that the migration has. */
export async function writeShapes(target: pg.Client, shapes: readonly TableShape[]): Promise<void> {
  for (let start = 0; start < shapes.length; start += AT_ONCE) {
    const some = shapes.slice(start, start + AT_ONCE).map((shape) => ({ oid: shape.oid, shape }));
    await target.query(
      `INSERT INTO tiger_migrate.shape (source_oid, shape)
       SELECT s.oid, s.shape FROM json_to_recordset($1::json) s(oid oid, shape json)
         JOIN tiger_migrate.relation r ON r.source_oid = s.oid
       ON CONFLICT (source_oid) DO UPDATE SET shape = EXCLUDED.shape`,
      [JSON.stringify(some)],
    );
  }
}

export interface RecordedTable {
  readonly oid: number;
  /** The name on the target. */
  readonly schema: string;
  readonly name: string;
  readonly copyRows: boolean;
  readonly shape: TableShape | null;
}

/** The migration's tables, or those of them with these OIDs. */
export async function readRecorded(target: pg.Client, oids: readonly number[] | null): Promise<RecordedTable[]> {
  const { rows } = await target.query<Record<string, string | null>>(
    `SELECT r.source_oid::int8 AS oid, r.schema, r.name, r.copy_rows, s.shape::text AS shape
       FROM tiger_migrate.relation r LEFT JOIN tiger_migrate.shape s USING (source_oid)
      WHERE $1::oid[] IS NULL OR r.source_oid = ANY ($1::oid[])`,
    [oids === null ? null : `{${oids.join(',')}}`],
  );
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema ?? '',
    name: row.name ?? '',
    copyRows: row.copy_rows === 't',
    shape: row.shape ? (JSON.parse(row.shape) as TableShape) : null,
  }));
}
