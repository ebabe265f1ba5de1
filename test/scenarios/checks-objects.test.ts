import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

describe('on the source', () => {
  test('large objects', async ({ databases: { source, target }, databases }) => {
    const odd = databases.role('odd $(id)');
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-large-objects', input)).toMatchObject({ status: 'pass' });
    await source.query("SELECT lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y')");
    const result = await check('source-large-objects', input);
    expect(result).toMatchObject({
      status: 'fail',
      code: 'TM1215',
      found: '2 large objects',
    });
    expect(result.fix).toContain(
      `vacuumlo -h ${source.server.host} -p ${source.server.port} -U ${source.owner} ${source.name}`,
    );
    await source.admin(`CREATE ROLE "${odd}" LOGIN PASSWORD 'x' IN ROLE ${source.owner}`);
    const named = { ...input, source: uriOf(source.server, source.name, odd, 'x') };
    expect((await check('source-large-objects', named)).fix).toContain(` -U '${odd}' ${source.name}`);
    await source.query(result.fix.slice(result.fix.lastIndexOf(': ') + 2));
    expect(await check('source-large-objects', input)).toMatchObject({ status: 'pass' });
  });

  test('unlogged, foreign and temporary tables', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-left-out', input)).toMatchObject({ status: 'pass' });
    await source.query('CREATE UNLOGGED TABLE cache (id int); CREATE MATERIALIZED VIEW totals AS SELECT 1 AS x');
    await source.admin(`CREATE FOREIGN DATA WRAPPER none; CREATE SERVER s FOREIGN DATA WRAPPER none;
      CREATE FOREIGN TABLE public.far (id int) SERVER s`);
    const client = await source.connect();
    await client.query('CREATE TEMP TABLE scratch (id int)');
    expect(await check('source-left-out', input)).toMatchObject({
      status: 'info',
      found:
        'unlogged, copied again at the cut-over: public.cache; foreign, created without rows: public.far; materialized views, refreshed at the cut-over: public.totals; 1 temporary table, left out',
    });
    const without = { excludeTable: ['public.cache', 'public.far', 'public.totals'] };
    expect((await check('source-left-out', { ...input, options: without })).found).toBe('1 temporary table, left out');
  });

  test('publications for all tables and event triggers', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    for (const id of ['source-all-tables-publications', 'source-event-triggers']) {
      expect(await check(id, input)).toMatchObject({ status: 'pass' });
    }
    await source.admin(`CREATE PUBLICATION "All!" FOR ALL TABLES;
      CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
      CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.watch()`);
    expect(await check('source-all-tables-publications', input)).toMatchObject({
      status: 'warn',
      found: '"All!"',
      fix: 'Drop them if nobody subscribes: DROP PUBLICATION "All!";',
    });
    expect(await check('source-event-triggers', input)).toMatchObject({
      status: 'info',
      found: '"watch" ON ddl_command_end',
    });
  });

  test('TimescaleDB is not there', async ({ databases: { source, target } }) => {
    expect(await check('postgres-no-timescaledb', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
  });
});

describe('tablespaces', () => {
  test('besides the default are told', async ({ databases: { source, target } }) => {
    expect(await check('source-tablespaces', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
    await using server = await startServer({ name: 'tablespaces' });
    await withClient(server.uri('postgres'), async (client) => {
      await client.query('SET allow_in_place_tablespaces = on');
      await client.query("CREATE TABLESPACE fast LOCATION ''");
    });
    const result = await check('source-tablespaces', {
      source: uriOf(server, 'postgres', server.superuser, server.password),
      target: target.uri,
    });
    expect(result).toMatchObject({ status: 'info', found: 'ignored: "fast"' });
  });
});
