import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runChecks } from '../../src/providers/index.ts';
import { TIMESCALEDB_CHECKS } from '../../src/providers/selfhosted/timescaledb.ts';
import { withCheckContext } from '../support/check-context.ts';
import { atLeast, play, STAGES } from '../support/timescaledb/play.ts';
import type { Stage } from '../support/timescaledb/stage.ts';
import { until } from '../support/wait.ts';

for (const { title, absent, open } of STAGES) {
  describe.skipIf(absent)(`given ${title}`, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await open();
    });
    afterAll(() => stage.stop());

    test('a database with nothing in it passes', () =>
      play(
        stage,
        async ({ source, target }) => {
          for (const provider of ['selfhosted-timescaledb', 'mst'] as const) {
            const results = await withCheckContext({ source: source.uri, target: target.uri, provider }, (context) =>
              runChecks(context, () => undefined, TIMESCALEDB_CHECKS),
            );
            expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
          }
        },
        'empty',
      ));

    test('hypertables and aggregates are told, with their sizes', () =>
      play(stage, async ({ run }) => {
        expect(await run('timescaledb-hypertables')).toMatchObject({
          status: 'info',
          found:
            '4 hypertables: public.counters, public.kept, public.metrics, public.readings\n1 continuous aggregate: public.metrics_hourly',
        });
        const { status, found } = await run('timescaledb-size');
        expect(status).toBe('info');
        expect(found).toMatch(
          /^4 hypertables, 9 chunks \(2 compressed\), [\d.]+ KiB on the source, about [\d.]+ KiB unc/,
        );
        expect(found).toMatch(/public\.metrics: 4 chunks, [\d.]+ KiB, [\d.]+ KiB uncompressed/);
      }));

    test('few queries do, whatever must be found out', () =>
      play(stage, async ({ source, target }) => {
        const queries = { source: 0, target: 0 };
        await withCheckContext(
          { source: source.uri, target: target.uri, provider: 'selfhosted-timescaledb' },
          async (context) => {
            for (const side of ['source', 'target'] as const) {
              const client = context[side];
              const query = client.query.bind(client) as (...args: unknown[]) => unknown;
              Object.assign(client, {
                query: (...args: unknown[]) => {
                  // A failed check asks whether both servers are still there.
                  if (args[0] !== 'SELECT 1') queries[side] += 1;
                  return query(...args);
                },
              });
            }
            await runChecks(context, () => undefined, TIMESCALEDB_CHECKS);
          },
        );
        expect(queries.source).toBeLessThanOrEqual(5);
        expect(queries.target).toBeLessThanOrEqual(2);
      }));

    test('a hypertable that is updated needs a replica identity, on every chunk', () =>
      play(stage, async ({ source, run, apply }) => {
        const id = 'timescaledb-identity';
        expect(await run(id)).toMatchObject({
          status: 'pass',
          found: 'none was updated or deleted from; without identity: public.kept, public.metrics, public.readings',
        });
        await source.query('UPDATE public.readings SET v = v + 1');
        // Backends report their counters when they are idle or end.
        await until(async () => (await run(id)).status === 'fail', { what: 'the updates' });
        const seen = await run(id);
        expect(seen.found).toMatch(/^public\.readings: \d+ updates, 0 deletes$/);
        expect(seen.fix).toContain("SET lock_timeout = '5s'; ALTER TABLE");
        // The check of ordinary tables does not know what is counted on chunks.
        expect(await run('source-replica-identity')).toMatchObject({ status: 'pass' });
        expect(seen.apply?.sql).toEqual([
          'ALTER TABLE "public"."readings" REPLICA IDENTITY USING INDEX "readings_sensor_time"',
        ]);
        await apply(seen);
        expect((await run(id)).status).toBe('pass');
        if (stage.real) {
          await source.query("INSERT INTO public.readings VALUES ('2027-01-01', 's', 1)");
          const chunks = await source.admin(
            "SELECT DISTINCT relreplident::text AS identity FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.readings'::regclass)",
          );
          expect(chunks).toEqual([{ identity: 'i' }]);
        }
      }));

    test('deletes on a compressed one may be those of recompression', () =>
      play(stage, async ({ source, run, apply }) => {
        const id = 'timescaledb-identity';
        await source.query(
          stage.real ? "DELETE FROM public.metrics WHERE time >= '2026-01-04'" : 'DELETE FROM public.metrics',
        );
        await until(async () => (await run(id)).status === 'warn', { what: 'the deletes' });
        const unsure = await run(id);
        expect(unsure.found).toBe(
          'deletes were counted on public.metrics; recompression made them, or the application',
        );
        const sql = 'ALTER TABLE "public"."metrics" REPLICA IDENTITY FULL';
        expect(unsure.fix).toContain(`${sql};`);
        if (!atLeast(stage.version, '2.16')) {
          expect(unsure).toMatchObject({ apply: null });
          expect(unsure.fix).toContain('update it to 2.16 or newer first');
          return;
        }
        expect(unsure.apply?.sql).toEqual([sql]);
        await apply(unsure);
        expect((await run(id)).status).toBe('pass');
      }));

    test('one by numbers can have no policies without knowing the time', () =>
      play(stage, async ({ source, run }) => {
        const id = 'timescaledb-integer-time';
        expect(await run(id)).toMatchObject({ status: 'info', found: 'public.counters (seq bigint)' });
        await source.query(
          'CREATE FUNCTION public.present() RETURNS bigint LANGUAGE sql STABLE AS $$SELECT 1::bigint$$',
        );
        await source.query(
          stage.real
            ? "SELECT set_integer_now_func('public.counters', 'public.present')"
            : "UPDATE timescaledb_information.dimensions SET integer_now_func = 'present' WHERE hypertable_name = 'counters'",
        );
        expect((await run(id)).status).toBe('pass');
      }));

    test('continuous aggregates of the old form block', () =>
      play(stage, async ({ source, run }) => {
        const id = 'timescaledb-aggregate-form';
        expect(await run(id)).toMatchObject({ status: 'pass', found: '1 aggregate' });
        const table = stage.real
          ? '_timescaledb_catalog.continuous_agg'
          : 'timescaledb_information.continuous_aggregates';
        // Given up in between: no server can have one any more.
        if (atLeast(stage.version, '2.28')) return;
        await source.admin(`UPDATE ${table} SET finalized = false`);
        const old = await run(id);
        expect(old).toMatchObject({ status: 'fail', code: 'TM1215', found: 'in the old form: public.metrics_hourly' });
        expect(old.fix).toContain("CALL cagg_migrate('public.metrics_hourly', override => true, drop_old => true);");
      }));

    test('tiered chunks block', () =>
      play(stage, async ({ source, run }) => {
        expect((await run('timescaledb-tiered')).status).toBe('pass');
        await source.admin(
          'UPDATE _timescaledb_catalog.chunk SET osm_chunk = true WHERE id = (SELECT min(id) FROM _timescaledb_catalog.chunk)',
        );
        expect(await run('timescaledb-tiered')).toMatchObject({
          status: 'fail',
          code: 'TM1215',
          found: 'public.metrics',
        });
      }));

    test('an unfinished restore blocks', () =>
      play(stage, async ({ source, target, run }) => {
        for (const [side, database] of [
          ['source', source],
          ['target', target],
        ] as const) {
          const id = `timescaledb-restoring-${side}`;
          expect(await run(id)).toMatchObject({ status: 'pass', found: 'off' });
          await database.admin(`ALTER DATABASE ${database.name} SET timescaledb.restoring = on`);
          const left = await run(id);
          expect(left).toMatchObject({ status: 'fail', found: 'timescaledb.restoring = on' });
          await database.admin(
            stage.real
              ? left.fix.slice(left.fix.indexOf('SELECT'))
              : `ALTER DATABASE ${database.name} RESET timescaledb.restoring`,
          );
          expect((await run(id)).status).toBe('pass');
        }
      }));
  });
}
