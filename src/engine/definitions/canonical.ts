import type pg from 'pg';
import { sqlState } from '../error-policy.ts';
import type { Difference, DifferentField } from './compare.ts';
import { type Probing, probingOf } from './probes.ts';

/**
 * Runs the statements of a probe, reads what the server prints, and takes everything back: the exception that brings the text
 * ends the subtransaction. Null: the server does not take the text.
 */
const CANONICAL = `
CREATE FUNCTION pg_temp.tiger_canonical(probe json) RETURNS text LANGUAGE plpgsql AS $tiger$
DECLARE
  statement text;
  printed text;
BEGIN
  FOR statement IN SELECT json_array_elements_text(probe -> 'run') LOOP
    EXECUTE statement;
  END LOOP;
  EXECUTE probe ->> 'read' INTO STRICT printed;
  RAISE EXCEPTION USING ERRCODE = 'TM000', MESSAGE = printed;
EXCEPTION
  WHEN SQLSTATE 'TM000' THEN
    GET STACKED DIAGNOSTICS printed = MESSAGE_TEXT;
    RETURN printed;
  WHEN OTHERS THEN
    RETURN NULL;
END $tiger$`;

const SETTINGS = `SET LOCAL quote_all_identifiers = on; SET LOCAL check_function_bodies = off; SET LOCAL lock_timeout = '2s'; SET LOCAL client_min_messages = error`;

/** Texts in one statement. */
const AT_ONCE = 100;

/** How often a text is parsed and printed again. The first print may differ from what was read; after a few rounds it stays the same. */
const ROUNDS = 3;

interface Pair {
  readonly probing: Probing;
  readonly source: Set<string>;
  readonly target: Set<string>;
  newest: { source: string | null; target: string | null };
  equal: boolean;
}

/**
 * Leaves out differences of words. Two servers may print the same definition differently, and so may one server that reads what it
 * has printed itself. The target parses both texts and prints them again, in a transaction that is rolled back.
 */
export async function withoutOtherWords(target: pg.Client, differences: readonly Difference[]): Promise<Difference[]> {
  const pairs = new Map<DifferentField, Pair>();
  for (const { entry, fields } of differences) {
    for (const field of fields) {
      const probing = field.source === null || field.target === null ? null : probingOf(entry, field.field);
      if (!probing || field.source === null || field.target === null) continue;
      const [source, target] = [probing.begin(field.source), probing.begin(field.target)];
      pairs.set(field, {
        probing,
        source: new Set([source]),
        target: new Set([target]),
        newest: { source, target },
        equal: source === target,
      });
    }
  }
  if (pairs.size === 0) return [...differences];
  try {
    await target.query('BEGIN');
    await target.query(SETTINGS);
    await target.query(CANONICAL);
    for (let round = 0; round < ROUNDS; round += 1) await printAgain(target, [...pairs.values()]);
  } catch (error) {
    // A target that takes no temporary objects: then other words are a difference.
    if (sqlState(error) === null) throw error;
  } finally {
    await target.query('ROLLBACK').catch(() => {});
  }
  return differences
    .map((one) => ({ ...one, fields: one.fields.filter((field) => pairs.get(field)?.equal !== true) }))
    .filter(({ state, fields }) => state !== 'differs' || fields.length > 0);
}

async function printAgain(target: pg.Client, pairs: readonly Pair[]): Promise<void> {
  const open = pairs.filter(({ equal }) => !equal);
  for (let start = 0; start < open.length; start += AT_ONCE) {
    const some = open.slice(start, start + AT_ONCE);
    const sources = await print(target, some, 'source');
    const targets = await print(target, some, 'target');
    for (const [at, pair] of some.entries()) {
      pair.newest = { source: sources[at] ?? null, target: targets[at] ?? null };
      if (pair.newest.source !== null) pair.source.add(pair.newest.source);
      if (pair.newest.target !== null) pair.target.add(pair.newest.target);
      pair.equal = [...pair.source].some((text) => pair.target.has(text));
    }
  }
}

async function print(target: pg.Client, pairs: readonly Pair[], side: 'source' | 'target'): Promise<(string | null)[]> {
  const probes = pairs.map(({ probing, newest }) => {
    const text = newest[side];
    return text === null ? { run: [], read: '' } : probing.probe(text);
  });
  const { rows } = await target.query<{ text: string | null }>(
    `SELECT pg_temp.tiger_canonical(p.probe) AS text FROM json_array_elements($1::json) WITH ORDINALITY p(probe, n) ORDER BY p.n`,
    [JSON.stringify(probes)],
  );
  // The schema of temporary objects has a number.
  return rows.map(({ text }) => text?.replaceAll(/"pg_temp_\d+"/g, '"pg_temp"').trim() ?? null);
}
