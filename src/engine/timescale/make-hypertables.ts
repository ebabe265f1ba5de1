import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';
import { inTransaction } from '../schema/restore.ts';
import type { SourceTable } from '../source/catalog.ts';
import { recordObject } from '../target/progress-schema.ts';
import type { Dimension, HypertableDefinition } from './dimensions.ts';
import { readSlices } from './source-hypertables.ts';

/** Where TimescaleDB's functions are on this server; rejects with TM2010 when it is not installed in this database. */
export async function extensionSchema(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'`,
  );
  const [found] = rows;
  if (found) return found.schema;
  throw new MigrateError('TM2010', {
    side: 'target',
    object: 'timescaledb',
    message: 'the source has hypertables, and the target has no TimescaleDB',
    hint: 'CREATE EXTENSION timescaledb in the target database, then run migrate --resume.',
  });
}

/** Turns tables, which must be empty, into hypertables as the source has them; each in a transaction of its own, once. */
export async function makeHypertables(target: pg.Client, hypertables: readonly HypertableDefinition[]): Promise<void> {
  if (hypertables.length === 0) return;
  const schema = await extensionSchema(target);
  for (const hypertable of hypertables) {
    await inTransaction(target, async () => {
      if (!(await recordObject(target, 'hypertable', displayName(hypertable)))) return;
      for (const statement of statementsOf(hypertable, schema)) await target.query(statement);
    }).catch((error: unknown) => {
      throw explain(error, {
        code: 'TM2002',
        retryCode: 'TM1109',
        side: 'target',
        object: displayName(hypertable),
        doing: 'could not be made a hypertable',
        hint: 'Remove the cause on the target, then run migrate --resume.',
      });
    });
  }
}

/** https://docs.tigerdata.com/api/latest/hypertable/create_hypertable/ */
function statementsOf(hypertable: HypertableDefinition, schema: string): string[] {
  const table = quoteLiteral(qualified(hypertable));
  const call = (name: string, ...given: string[]) =>
    `SELECT ${quoteIdent(schema)}.${name}(${table}, ${given.join(', ')})`;
  const builder = ({ column, interval, partitions, function: used }: Dimension) => {
    const by = interval === null ? 'by_hash' : 'by_range';
    const measure = interval === null ? `${partitions}` : `${interval}::bigint`;
    const through = used ? `, ${quoteLiteral(qualified(used))}::regproc` : '';
    return `${quoteIdent(schema)}.${by}(${quoteLiteral(column)}, ${measure}${through})`;
  };
  const [time, ...others] = hypertable.dimensions;
  if (!time) return [];
  const integerNow = hypertable.dimensions.flatMap(({ integerNow: now }) => (now ? [now] : []));
  return [
    call('create_hypertable', builder(time), 'create_default_indexes => false'),
    ...others.map((dimension) => call('add_dimension', builder(dimension))),
    ...integerNow.map((now) => call('set_integer_now_func', `${quoteLiteral(qualified(now))}::regproc`)),
    ...(hypertable.skipping.length > 0 ? ['SET LOCAL timescaledb.enable_chunk_skipping = on'] : []),
    ...hypertable.skipping.map((column) => call('enable_chunk_skipping', quoteLiteral(column))),
  ];
}

/** Chunks that are made in one transaction: nobody else makes any on the target. */
const AT_ONCE = 100;

const MAKE = `
UPDATE tiger_migrate.relation r SET target_schema = c.schema_name, target_name = c.table_name
  FROM json_to_recordset($1::json) w(oid oid, root text, slices text)
 CROSS JOIN LATERAL _timescaledb_functions.create_chunk(w.root::regclass, w.slices::jsonb) c
 WHERE r.source_oid = w.oid`;

/** Makes chunks with these boundaries, or finds those that have them, and remembers whose rows they take. */
export async function makeChunks(
  target: pg.Client,
  wanted: readonly { readonly oid: number; readonly root: string; readonly slices: string }[],
): Promise<void> {
  await target.query(MAKE, [JSON.stringify(wanted)]);
}

/**
 * Makes the chunks of the target that take the rows of these, with the same boundaries, all of them before the first row: one
 * that is made inside a long transaction lets every other wait. Remembers which is whose, and gives the tables their places.
 * A chunk that is gone from the source has none.
 */
export async function placeChunks(
  source: pg.Client,
  target: pg.Client,
  tables: readonly SourceTable[],
): Promise<SourceTable[]> {
  const roots = new Map(tables.filter(({ kind }) => kind === 'hypertable').map((table) => [table.oid, table]));
  const chunks = tables.filter(({ kind }) => kind === 'chunk');
  if (chunks.length === 0) return [...tables];
  const placed = await readPlaces(target);
  const open = chunks.filter(({ oid }) => !placed.has(oid));
  for (let start = 0; start < open.length; start += AT_ONCE) {
    const some = open.slice(start, start + AT_ONCE);
    const slices = await readSlices(
      source,
      some.map(({ oid }) => oid),
    );
    const wanted = some.flatMap(({ oid, rootOid }) => {
      const [root, bounds] = [roots.get(rootOid), slices.get(oid)];
      return root && bounds !== undefined ? [{ oid, root: qualified(root), slices: bounds }] : [];
    });
    await makeChunks(target, wanted);
  }
  const places = open.length > 0 ? await readPlaces(target) : placed;
  return tables.map((table) => (table.kind === 'chunk' ? { ...table, into: places.get(table.oid) ?? null } : table));
}

/** Where the rows of chunks go, by their OIDs on the source. */
export async function readPlaces(target: pg.Client): Promise<Map<number, { schema: string; name: string }>> {
  const { rows } = await target.query<{ oid: string; schema: string; name: string }>(
    `SELECT source_oid::int8 AS oid, target_schema AS schema, target_name AS name FROM tiger_migrate.relation
      WHERE kind = 'chunk' AND target_name IS NOT NULL`,
  );
  return new Map(rows.map(({ oid, schema, name }) => [Number(oid), { schema, name }]));
}
