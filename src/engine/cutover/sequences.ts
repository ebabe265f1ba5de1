import type pg from 'pg';
import { displayName, qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';

export interface SequenceState {
  readonly schema: string;
  readonly name: string;
  /** The number given out last; with `called` false the one that comes next. */
  readonly lastValue: bigint;
  readonly called: boolean;
  readonly increment: bigint;
  /** It begins anew at its end, so that no number is behind another. */
  readonly cycles: boolean;
}

interface Named {
  readonly schema: string;
  readonly name: string;
}

const SEQUENCES = `
SELECT n.nspname AS schema, c.relname AS name, s.seqincrement AS increment, s.seqcycle AS cycles
  FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT ${SYSTEM_SCHEMAS} AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2`;

const SEQUENCES_PER_QUERY = 200;

/**
 * All sequences of a database, identity and serial ones too. Where each one stands is read from itself: `pg_sequences`
 * shows nothing of a sequence that was set, or begun anew, and not used since.
 * https://www.postgresql.org/docs/current/sql-createsequence.html
 */
export async function readSequences(client: pg.Client, only?: ReadonlySet<string>): Promise<SequenceState[]> {
  const { rows } = await client.query<Named & { increment: string; cycles: string }>(SEQUENCES);
  const wanted = rows.filter((row) => !only || only.has(displayName(row)));
  const states: SequenceState[] = [];
  for (let start = 0; start < wanted.length; start += SEQUENCES_PER_QUERY) {
    const some = wanted.slice(start, start + SEQUENCES_PER_QUERY);
    const positions = await client.query<{ n: string; last_value: string; is_called: string }>(
      some.map((row, n) => `SELECT ${n} AS n, last_value, is_called FROM ${qualified(row)}`).join(' UNION ALL '),
    );
    for (const { n, last_value, is_called } of positions.rows) {
      const row = some[Number(n)];
      if (!row) continue;
      states.push({
        schema: row.schema,
        name: row.name,
        lastValue: BigInt(last_value),
        called: is_called === 't',
        increment: BigInt(row.increment),
        cycles: row.cycles === 't',
      });
    }
  }
  return states;
}

async function readNames(client: pg.Client): Promise<Set<string>> {
  return new Set((await client.query<Named>(SEQUENCES)).rows.map(displayName));
}

/** Sets the target's sequences to where the source's are. Those that the target does not have are left out. */
export async function copySequences(source: pg.Client, target: pg.Client): Promise<number> {
  const sequences = await readSequences(source, await readNames(target));
  for (let start = 0; start < sequences.length; start += SEQUENCES_PER_QUERY) {
    const some = sequences.slice(start, start + SEQUENCES_PER_QUERY);
    const set = some.map((s) => `setval(${quoteLiteral(qualified(s))}, ${s.lastValue}, ${s.called})`);
    await target.query(`SELECT ${set.join(', ')}`);
  }
  return sequences.length;
}

/** The number that comes next, whatever the sequence's end says. */
const next = (sequence: SequenceState): bigint => sequence.lastValue + (sequence.called ? sequence.increment : 0n);

/** Sequences of the target that would give out again what the source has given out already, as sentences. */
export async function sequencesBehind(source: pg.Client, target: pg.Client): Promise<string[]> {
  const there = new Map((await readSequences(target)).map((sequence) => [displayName(sequence), sequence]));
  const behind: string[] = [];
  for (const sequence of await readSequences(source, new Set(there.keys()))) {
    const own = there.get(displayName(sequence));
    if (!own || sequence.cycles) continue;
    const [wanted, found] = [next(sequence), next(own)];
    if (sequence.increment > 0n ? found < wanted : found > wanted) {
      behind.push(
        `sequence ${displayName(sequence)} goes on with ${found} on the target, with ${wanted} on the source`,
      );
    }
  }
  return behind;
}
