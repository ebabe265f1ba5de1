import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { SYSTEM_SCHEMAS } from '../source/catalog.ts';

export interface SequenceState {
  readonly schema: string;
  readonly name: string;
  /** Null: never used. */
  readonly lastValue: string | null;
  readonly start: string;
  readonly ascending: boolean;
}

const SEQUENCES = `
SELECT s.schemaname AS schema, s.sequencename AS name, s.last_value, s.start_value, s.increment_by > 0 AS ascending
  FROM pg_sequences s
  JOIN pg_namespace n ON n.nspname = s.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename AND c.relkind = 'S'
 WHERE NOT ${SYSTEM_SCHEMAS}
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2`;

/** All sequences of a database, identity and serial ones too. https://www.postgresql.org/docs/current/view-pg-sequences.html */
export async function readSequences(client: pg.Client): Promise<SequenceState[]> {
  const { rows } = await client.query<Record<string, string | null>>(SEQUENCES);
  return rows.map((row) => ({
    schema: row.schema ?? '',
    name: row.name ?? '',
    lastValue: row.last_value ?? null,
    start: row.start_value ?? '1',
    ascending: row.ascending === 't',
  }));
}

const SEQUENCES_PER_QUERY = 500;

/** Sets the target's sequences to where the source's are. Those that the target does not have are left out. */
export async function copySequences(source: pg.Client, target: pg.Client): Promise<number> {
  const there = new Set((await readSequences(target)).map(displayName));
  const sequences = (await readSequences(source)).filter((sequence) => there.has(displayName(sequence)));
  for (let start = 0; start < sequences.length; start += SEQUENCES_PER_QUERY) {
    const some = sequences.slice(start, start + SEQUENCES_PER_QUERY);
    await target.query(
      `SELECT setval(s.name::regclass, s.value::bigint, s.called::boolean)
         FROM json_to_recordset($1::json) s(name text, value text, called text)`,
      [
        JSON.stringify(
          some.map((s) => ({
            name: qualified(s),
            value: s.lastValue ?? s.start,
            called: s.lastValue === null ? 'false' : 'true',
          })),
        ),
      ],
    );
  }
  return sequences.length;
}

/** Sequences of the target that stand behind those of the source, as sentences. */
export async function sequencesBehind(source: pg.Client, target: pg.Client): Promise<string[]> {
  const there = new Map((await readSequences(target)).map((sequence) => [displayName(sequence), sequence]));
  const behind: string[] = [];
  for (const sequence of await readSequences(source)) {
    const own = there.get(displayName(sequence));
    if (!own || sequence.lastValue === null) continue;
    const [sourceValue, targetValue] = [
      BigInt(sequence.lastValue),
      own.lastValue === null ? null : BigInt(own.lastValue),
    ];
    const isBehind =
      targetValue === null || (sequence.ascending ? targetValue < sourceValue : targetValue > sourceValue);
    if (isBehind)
      behind.push(`sequence ${displayName(sequence)}: ${targetValue ?? 'unused'} instead of ${sourceValue}`);
  }
  return behind;
}
