import type pg from 'pg';
import { notOfExtension, USER_SCHEMA } from './session.ts';

interface Sequence extends pg.QueryResultRow {
  readonly name: string;
  readonly increment: string;
}

interface Position extends pg.QueryResultRow {
  readonly last_value: string;
  readonly is_called: boolean;
}

const SEQUENCES = `
  SELECT c.oid::regclass::text AS name, s.seqincrement::text AS increment
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
  WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')} AND c.relpersistence <> 't' ORDER BY 1`;

/** A sequence of the target may be ahead of the source's, but the next value must never have been given out there. */
export async function compareSequences(source: pg.Client, target: pg.Client): Promise<string[]> {
  const differences: string[] = [];
  const known = new Set((await target.query<Sequence>(SEQUENCES)).rows.map(({ name }) => name));
  for (const { name, increment } of (await source.query<Sequence>(SEQUENCES)).rows) {
    // That it is missing is told with the relations.
    if (!known.has(name)) continue;
    const [ours, theirs] = await Promise.all([position(source, name), position(target, name)]);
    const step = BigInt(increment);
    const next = (at: Position) => BigInt(at.last_value) + (at.is_called ? step : 0n);
    if (step > 0n ? next(theirs) < next(ours) : next(theirs) > next(ours)) {
      const spell = (at: Position) => `${at.last_value} (${at.is_called ? 'called' : 'not called'})`;
      differences.push(`sequence ${name}: behind: source ${spell(ours)}, target ${spell(theirs)}`);
    }
  }
  return differences;
}

async function position(client: pg.Client, name: string): Promise<Position> {
  const { rows } = await client.query<Position>(`SELECT last_value::text, is_called FROM ${name}`);
  if (!rows[0]) throw new Error(`sequence ${name} has no row`);
  return rows[0];
}
