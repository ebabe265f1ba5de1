import { displayName, qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { type Hypertable, timescaleObjects } from '../facts/hypertables.ts';
import { settings } from '../facts/settings.ts';
import { timescaledb } from '../facts/timescaledb.ts';
import { counted, fail, formatBytes, info, listed, pass, warn } from '../outcome.ts';
import { WITH_TIMESCALEDB } from './timescaledb-versions.ts';

const sum = (all: readonly Hypertable[], of: (one: Hypertable) => number): number =>
  all.reduce((total, one) => total + of(one), 0);

const isInteger = ({ columnType }: Hypertable): boolean => /^(smallint|integer|bigint)$/.test(columnType);

/** Told, so that nobody wonders: nothing of it stands in the way. */
export const hypertables: Check = {
  id: 'timescaledb-hypertables',
  side: 'source',
  title: 'Hypertables',
  severity: 'info',
  wanted: 'to know: hypertables and continuous aggregates are made anew on the target',
  why: 'Hypertables get chunks with the same boundaries. Continuous aggregates are filled there from the rows while replay goes on, and what they hold of rows that are gone is copied.',
  fix: 'Nothing.',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { installed } = await ask('source', timescaledb);
    if (installed === null) return pass('TimescaleDB is not installed');
    const { hypertables: all, aggregates } = await ask('source', timescaleObjects);
    if (all.length === 0) return pass('none');
    const views = aggregates.length > 0 ? `\n${counted(aggregates.length, 'continuous aggregate')}: ` : '';
    return info(
      `${counted(all.length, 'hypertable')}: ${listed(all.map(displayName))}${views}${listed(aggregates.map(displayName))}`,
    );
  },
};

/** A plan over a hypertable, and the making of its chunks, take time and locks for each chunk. */
const MANY_CHUNKS = 10_000;

/** https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-MAX-LOCKS-PER-TRANSACTION */
export const hypertableSizes: Check = {
  id: 'timescaledb-size',
  side: 'source',
  title: 'Size of hypertables',
  severity: 'warn',
  wanted: `fewer than ${MANY_CHUNKS} chunks, and room for the uncompressed rows on the target`,
  why: 'Each chunk is made and copied by itself. The target is compressed only after the cut-over, so until then it takes the uncompressed size.',
  fix: 'Drop chunks that nobody needs any more, or merge them, on the source.',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { hypertables: all } = await ask('source', timescaleObjects);
    if (all.length === 0) return pass('no hypertables');
    const chunks = sum(all, (one) => one.chunks);
    const compressed = sum(all, (one) => one.compressedChunks);
    const biggest = all.toSorted((a, b) => b.uncompressedBytes - a.uncompressedBytes).slice(0, 5);
    const found = [
      `${counted(all.length, 'hypertable')}, ${counted(chunks, 'chunk')}${compressed > 0 ? ` (${compressed} compressed)` : ''}, ` +
        `${formatBytes(sum(all, (one) => one.bytes))} on the source, about ${formatBytes(sum(all, (one) => one.uncompressedBytes))} uncompressed`,
      ...biggest.map(
        (one) =>
          `  ${displayName(one)}: ${counted(one.chunks, 'chunk')}, ${formatBytes(one.bytes)}` +
          `${one.compressedChunks > 0 ? `, ${formatBytes(one.uncompressedBytes)} uncompressed` : ''}`,
      ),
    ].join('\n');
    const most = all.toSorted((a, b) => b.chunks - a.chunks)[0];
    if (most && chunks >= MANY_CHUNKS) {
      const [age, width] = isInteger(most) ? ['a value', 'a number'] : ["INTERVAL '2 years'", "INTERVAL '30 days'"];
      return warn(found, {
        fix: `On the source drop what is not needed: SELECT drop_chunks(${quoteLiteral(displayName(most))}, older_than => ${age}); and choose longer chunks for the future: SELECT set_chunk_time_interval(${quoteLiteral(displayName(most))}, ${width});`,
      });
    }
    const known = await ask('target', settings);
    const locks = known.number('max_locks_per_transaction');
    const sessions = (known.number('max_connections') ?? 0) + (known.number('max_prepared_transactions') ?? 0);
    // A query over the whole hypertable locks each chunk and an index or more of it.
    if (most && locks !== null && most.chunks * 2 > locks * sessions) {
      return warn(`${found}\nthe target has room for ${locks * sessions} locks`, {
        fix: `Raise max_locks_per_transaction of the target to ${Math.ceil((most.chunks * 3) / Math.max(1, sessions))} (Tiger Cloud: Operations → Database parameters); it takes a restart of the target.`,
      });
    }
    return info(found);
  },
};

/** https://www.tigerdata.com/docs/api/latest/hypertable/set_integer_now_func */
export const integerTime: Check = {
  id: 'timescaledb-integer-time',
  side: 'source',
  title: 'Hypertables by numbers',
  severity: 'info',
  wanted: 'a function that says what time it is, for hypertables that are partitioned by an integer',
  why: 'Without one no policy can be added, on the source or on the target. Rows are migrated all the same.',
  fix: "Nothing, unless you want policies: SELECT set_integer_now_func('…', '…');",
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { hypertables: all } = await ask('source', timescaleObjects);
    const without = all.filter((one) => one.integerNow === null && isInteger(one));
    if (without.length === 0) return pass('none without it');
    return info(listed(without.map((one) => `${displayName(one)} (${one.column} ${one.columnType})`)), {
      fix: `Nothing, unless you want policies: SELECT set_integer_now_func(${quoteLiteral(displayName(without[0] ?? { schema: '', name: '' }))}, 'a function of yours that gives the present value');`,
    });
  },
};

/** https://www.tigerdata.com/docs/use-timescale/latest/continuous-aggregates/migrate */
export const aggregateForm: Check = {
  id: 'timescaledb-aggregate-form',
  side: 'source',
  title: 'Form of continuous aggregates',
  severity: 'fail',
  wanted: 'all continuous aggregates in the form of TimescaleDB 2.7 and newer',
  why: 'The older form stores half-made results which newer versions cannot take over.',
  fix: "CALL cagg_migrate('…', override => true, drop_old => true);",
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { aggregates } = await ask('source', timescaleObjects);
    const old = aggregates.filter(({ finalized }) => !finalized);
    if (old.length === 0) return pass(aggregates.length === 0 ? 'none' : counted(aggregates.length, 'aggregate'));
    const calls = old.map(
      (one) => `CALL cagg_migrate(${quoteLiteral(displayName(one))}, override => true, drop_old => true);`,
    );
    return fail('TM1215', `in the old form: ${listed(old.map(displayName))}`, {
      fix: `As the owner, when there is little to do (it makes the aggregate anew and copies its rows), outside a transaction:\n${calls.join('\n')}\nTimescaleDB before 2.8 has no such call: update it first.`,
    });
  },
};

/** https://www.tigerdata.com/docs/use-timescale/latest/data-tiering */
export const tiered: Check = {
  id: 'timescaledb-tiered',
  side: 'source',
  title: 'Tiered chunks',
  severity: 'fail',
  wanted: 'no chunks in object storage',
  why: 'Their rows are not on the server: neither the copy nor the stream of changes would bring them.',
  fix: 'Bring them back: CALL untier_chunk(…);',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { hypertables: all } = await ask('source', timescaleObjects);
    const some = all.filter(({ tieredChunks }) => tieredChunks > 0);
    if (some.length === 0) return pass('none');
    return fail('TM1215', listed(some.map(displayName)), {
      fix: `Stop tiering (SELECT remove_tiering_policy(${quoteLiteral(displayName(some[0] ?? { schema: '', name: '' }))});), then for every row of SELECT * FROM timescaledb_osm.tiered_chunks: CALL untier_chunk('schema.chunk');`,
    });
  },
};

/** Given up in 2.14: https://www.tigerdata.com/docs/self-hosted/latest/multinode-timescaledb */
export const distributed: Check = {
  id: 'timescaledb-distributed',
  side: 'source',
  title: 'One node',
  severity: 'fail',
  wanted: 'no distributed hypertables',
  why: 'Their rows are on other servers (data nodes), whose changes this server cannot stream.',
  fix: 'Copy each into an ordinary hypertable on one server first.',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { hypertables: all } = await ask('source', timescaleObjects);
    const some = all.filter((one) => one.distributed);
    if (some.length === 0) return pass('none');
    return fail('TM1215', listed(some.map(displayName)), {
      fix: `Bring each onto one server first, for instance: CREATE TABLE one_node (LIKE ${qualified(some[0] ?? { schema: '', name: '' })} INCLUDING ALL); SELECT create_hypertable('one_node', ${quoteLiteral(some[0]?.column ?? 'time')}); INSERT INTO one_node SELECT * FROM ${qualified(some[0] ?? { schema: '', name: '' })};`,
    });
  },
};
