import { describe, expect, test } from 'vitest';
import { bindTable } from '../../../src/engine/apply/bound-table.ts';
import { ChunkRoutes, isRouted } from '../../../src/engine/apply/chunk-routes.ts';
import type { StreamRelation } from '../../../src/engine/decode/change.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { offered, realServer } from '../../support/timescaledb/play.ts';
import { realStage } from '../../support/timescaledb/stage.ts';

const RELATION: StreamRelation = {
  oid: 1,
  schema: 'public',
  name: 'reading',
  identity: 'index',
  columns: [
    { name: 'device', key: true, type: 23, typmod: -1 },
    { name: 'time', key: true, type: 1184, typmod: -1 },
  ],
};

for (const version of offered.length > 0 ? offered : ['of any version']) {
  describe.skipIf(offered.length === 0)(`rows for the root of a hypertable (TimescaleDB ${version} itself)`, () => {
    const stage = realStage(realServer, version);

    test('are routed to the chunks that they stand in, also new ones, without a look at the others', async () => {
      // Given a hypertable with a chunk for each of three days
      await using target = await stage.create('empty');
      await target.query(`CREATE TABLE reading (device int NOT NULL, time timestamptz NOT NULL, UNIQUE (device, time));
        SELECT create_hypertable('reading', 'time', chunk_time_interval => interval '1 day');
        INSERT INTO reading SELECT 1, t FROM generate_series('2026-01-01 12:00+00'::timestamptz, '2026-01-03 12:00+00', '1 day') t`);
      const client = await connect(parseConnectionString(target.uri, {}), { side: 'target', application: 'routes' });
      try {
        const place = { schema: 'public', name: 'reading', partitionedBy: ['time'] };
        const table = await bindTable(client, RELATION, place);
        await client.query('CREATE TEMP TABLE stage (tm_group smallint, c0 int, c1 timestamptz)');
        const routes = new ChunkRoutes(client);
        const routesOf = async (...times: string[]) => {
          await client.query('TRUNCATE stage');
          for (const time of times) await client.query('INSERT INTO stage VALUES (1, 1, $1)', [time]);
          return routes.routes(table, 'pg_temp.stage', 1);
        };
        const hit = async (...times: string[]) => {
          const counts: number[] = [];
          for (const { rows, condition } of (await routesOf(...times)) ?? []) {
            const where = `s.tm_group = 1${condition} AND t.device = s.c0 AND t.time = s.c1`;
            const { rowCount } = await client.query(
              `UPDATE ${rows} t SET device = 1 FROM pg_temp.stage s WHERE ${where}`,
            );
            counts.push(rowCount ?? 0);
          }
          return counts;
        };

        // When rows of one and of several of them come, then each is found in its own
        expect(isRouted(table)).toBe(true);
        expect(await hit('2026-01-02 12:00+00')).toEqual([1]);
        expect(await hit('2026-01-01 12:00+00', '2026-01-03 12:00+00', '2026-01-03 13:00+00')).toEqual([1, 1]);
        // When there is no chunk, then that is said; and once there is one it is found
        expect(await routesOf('2026-01-01 12:00+00', '2026-01-09 12:00+00')).toBeNull();
        await client.query(`INSERT INTO public.reading VALUES (1, '2026-01-09 12:00+00')`);
        expect(await hit('2026-01-01 12:00+00', '2026-01-09 12:00+00')).toEqual([1, 1]);
      } finally {
        destroy(client);
      }
    });
  });
}
