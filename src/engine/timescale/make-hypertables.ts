import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';
import { inTransaction } from '../schema/restore.ts';
import { recordObject } from '../target/progress-schema.ts';
import type { Dimension, HypertableDefinition } from './dimensions.ts';

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
