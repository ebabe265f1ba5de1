import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { offered, realServer } from '../../support/timescaledb/play.ts';
import { realStage } from '../../support/timescaledb/stage.ts';
import { Migration } from '../whole/migration.ts';
import { BECOMING, PLAIN_TABLES, RoundWriter } from './becoming.ts';

/** What the freeze says to a writer, or to the next statement on its connection. */
const FROZEN = /read-only transaction|terminating connection|connection error|terminated unexpectedly/;

for (const version of offered.length > 0 ? offered : ['of any version']) {
  describe.skipIf(offered.length === 0)(`a target with TimescaleDB ${version} itself`, () => {
    const stage = realStage(realServer, version);

    test.for([
      'pgoutput',
      'test_decoding',
    ] as const)('plain tables become hypertables on the way, under writes (%s): all rows equal, in chunks of the interval', async (plugin, {
      databases: { source },
    }) => {
      await using target = await stage.create('empty');
      await source.query(PLAIN_TABLES);
      const writer = new RoundWriter(source.uri);
      await using migration = await Migration.start({
        source: source.uri,
        target: target.uri,
        targetDatabase: target.name,
        options: {
          plugin,
          tableJobs: 3,
          splitTablesLargerThan: 100_000,
          hypertables: [...BECOMING],
          skipHypertableIncompatibleObjects: true,
        },
      });
      await migration.reached('replay');
      const { rounds } = writer;
      await migration.until(() => writer.rounds > rounds + 60, 'rounds during replay');
      await migration.cutOver();
      await writer.stop();
      expect(writer.error).toMatchObject({ message: expect.stringMatching(FROZEN) });
      expect(migration.of('error')).toEqual([]);
      const { tables, objects } = await migration.verify();
      expect(tables.filter(({ equal }) => !equal)).toEqual([]);
      expect(tables).toHaveLength(5);
      expect(objects).toEqual([]);
      // The root itself has none of them.
      expect(await target.query('SELECT count(*) FROM ONLY metrics')).toEqual([{ count: '0' }]);
      const crooked = await target.query(
        `SELECT hypertable_name, chunk_name FROM timescaledb_information.chunks
            WHERE extract(epoch FROM range_start)::int8 % CASE hypertable_name WHEN 'visits' THEN 1209600 ELSE 604800 END <> 0
               OR range_start_integer % 1000 <> 0`,
      );
      expect(crooked).toEqual([]);
      const settings = `SELECT segmentby::text AS segments, orderby::text AS "order", orderby_desc::text AS descending
        FROM _timescaledb_catalog.compression_settings WHERE relid = 'metrics'::regclass`;
      expect(await target.query(settings)).toEqual([{ segments: '{dev}', order: '{time}', descending: '{t}' }]);
      const policies = `SELECT hypertable_name AS name, config ->> 'compress_after' AS after FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_compression'`;
      expect(await target.query(policies)).toEqual([{ name: 'metrics', after: '30 days' }]);
    });
  });
}
