import type pg from 'pg';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { inTransaction, isMissing } from '../schema/restore.ts';
import { recordObject } from '../target/progress-schema.ts';
import { extensionSchema } from './make-hypertables.ts';
import { type Aggregate, type AggregateIndex, INDEXES } from './source-aggregates.ts';

interface Name {
  readonly schema: string;
  readonly name: string;
}

export interface MakeAggregatesOptions {
  readonly target: pg.Client;
  readonly emit: Emit;
  /** Something was left out on request: what stands on it can't be made, and is listed. */
  readonly hasExclusions: boolean;
  readonly signal: AbortSignal;
}

const KIND = 'aggregate';

/**
 * Makes continuous aggregates, given bottom-up, without a row in them; each in a transaction of its own, once. Gives those
 * that are there. Rejects with TM2002.
 */
export async function makeAggregates(
  options: MakeAggregatesOptions,
  aggregates: readonly Aggregate[],
): Promise<Aggregate[]> {
  const { target, emit, hasExclusions, signal } = options;
  if (aggregates.length === 0) return [];
  const schema = await extensionSchema(target);
  const there: Aggregate[] = [];
  for (const aggregate of aggregates) {
    signal.throwIfAborted();
    try {
      await inTransaction(target, async () => {
        if (await recordObject(target, KIND, displayName(aggregate))) await makeOne(target, aggregate, schema);
      });
    } catch (error) {
      if (!hasExclusions || !isMissing(error)) {
        throw explain(error, {
          code: 'TM2002',
          retryCode: 'TM1109',
          side: 'target',
          object: displayName(aggregate),
          doing: 'the continuous aggregate could not be created',
          hint: 'Remove the cause on the target, then run migrate --resume.',
        });
      }
      await recordObject(target, KIND, displayName(aggregate), 'left out');
      const why = error instanceof Error ? error.message : String(error);
      emit({ type: 'warning', text: `Left out: continuous aggregate ${displayName(aggregate)}: ${why}` });
    }
    if ((await storageOf(target, aggregate)) !== null) there.push(aggregate);
  }
  return there;
}

async function makeOne(target: pg.Client, aggregate: Aggregate, schema: string): Promise<void> {
  await target.query(creating(aggregate));
  const made = await storageOf(target, aggregate);
  if (!made) throw new Error(`${displayName(aggregate)} is no continuous aggregate`);
  if (aggregate.interval !== null) {
    await target.query(
      `SELECT ${quoteIdent(schema)}.set_chunk_time_interval(${quoteLiteral(qualified(made))}::regclass, ${aggregate.interval}::bigint)`,
    );
  }
  for (const statement of indexing(aggregate, made.indexes)) await target.query(statement);
}

/** https://docs.tigerdata.com/api/latest/continuous-aggregates/create_materialized_view/ */
export function creating(aggregate: Aggregate): string {
  return `CREATE MATERIALIZED VIEW ${qualified(aggregate)}
  WITH (timescaledb.continuous, timescaledb.materialized_only = ${aggregate.materializedOnly}, timescaledb.create_group_indexes = false)
  AS ${aggregate.definition.replace(/;\s*$/, '')} WITH NO DATA`;
}

/** Names that TimescaleDB gave hold a number of the source: the target gives its own. */
const NAMED_BY_ITSELF = /^_materialized_hypertable_\d+_/;

/** The indexes that the source has and the new aggregate has not. Made upon the view, for its storage is in a schema of the extension's. */
export function indexing(aggregate: Aggregate, there: readonly AggregateIndex[]): string[] {
  const uses = new Set(there.map(({ using }) => using));
  return aggregate.indexes
    .filter(({ using }) => !uses.has(using))
    .map(({ name, using }) => {
      const named = NAMED_BY_ITSELF.test(name) ? '' : `${quoteIdent(name)} `;
      return `CREATE INDEX ${named}ON ${qualified(aggregate)} USING ${using}`;
    });
}

/** The hypertable that holds what an aggregate of this name has materialized; null: there is no such aggregate. */
export async function storageOf(
  client: pg.Client,
  view: Name,
): Promise<(Name & { readonly indexes: readonly AggregateIndex[]; readonly on: Name }) | null> {
  const { rows } = await client.query<Record<'schema' | 'name' | 'on_schema' | 'on_name' | 'indexes', string>>(
    `SELECT v.materialization_hypertable_schema AS schema, v.materialization_hypertable_name AS name,
            v.hypertable_schema AS on_schema, v.hypertable_name AS on_name, ${INDEXES('m.oid')}::text AS indexes
       FROM timescaledb_information.continuous_aggregates v
       JOIN pg_namespace n ON n.nspname = v.materialization_hypertable_schema
       JOIN pg_class m ON m.relnamespace = n.oid AND m.relname = v.materialization_hypertable_name
      WHERE v.view_schema = $1 AND v.view_name = $2`,
    [view.schema, view.name],
  );
  const [row] = rows;
  if (!row) return null;
  return {
    schema: row.schema,
    name: row.name,
    on: { schema: row.on_schema, name: row.on_name },
    indexes: JSON.parse(row.indexes) as AggregateIndex[],
  };
}
