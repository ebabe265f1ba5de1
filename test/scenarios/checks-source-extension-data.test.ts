import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';

/** An extension whose tables may hold rows of the operator's, as those of PostGIS and pg_cron do; none of contrib's does. */
const withConfigurationTables = (database: TestDatabase) =>
  database.admin(`CREATE EXTENSION citext SCHEMA public;
    CREATE TABLE public."Coordinate systems" (id int PRIMARY KEY, name text); CREATE TABLE public.jobs (id int);
    ALTER EXTENSION citext ADD TABLE public."Coordinate systems"; ALTER EXTENSION citext ADD TABLE public.jobs;
    ALTER TABLE public."Coordinate systems" OWNER TO ${database.owner}; ALTER TABLE public.jobs OWNER TO ${database.owner};
    UPDATE pg_extension SET extconfig = ARRAY['public."Coordinate systems"'::regclass, 'public.jobs'::regclass],
      extcondition = ARRAY['WHERE id >= 1000', ''] WHERE extname = 'citext';
    INSERT INTO public."Coordinate systems" VALUES (1, 'brought along')`);

describe('rows in tables of extensions', () => {
  test('that are the operator’s own are told, and the remedy copies them', async ({
    databases: { source, target },
  }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-extension-data', input)).toMatchObject({
      status: 'pass',
      found: 'no extension keeps rows of yours',
    });
    await withConfigurationTables(source);
    expect(await check('source-extension-data', input)).toMatchObject({
      status: 'pass',
      found: '2 tables of extensions hold no rows of yours',
    });
    await source.query(`INSERT INTO public."Coordinate systems" VALUES (1000, 'mine'), (1001, 'mine too')`);
    const result = await check('source-extension-data', input);
    expect(result).toMatchObject({
      status: 'warn',
      found: 'not copied: public."Coordinate systems" of citext (2 rows)',
    });
    expect(await check('source-extension-data', { ...input, options: { skipExtensions: ['citext'] } })).toMatchObject({
      status: 'pass',
    });

    await withConfigurationTables(target);
    const command = result.fix.slice(result.fix.indexOf(': ') + 2);
    await promisify(execFile)('sh', ['-c', command], {
      env: { PATH: process.env.PATH, SOURCE: source.uri, TARGET: target.uri },
    });
    expect(await target.query('SELECT id FROM public."Coordinate systems" ORDER BY id')).toEqual([
      { id: 1 },
      { id: 1000 },
      { id: 1001 },
    ]);
  });

  test('are not waited for, and named where they cannot be counted', async ({ databases: { source, target } }) => {
    await withConfigurationTables(source);
    const other = await source.connect();
    await other.query('BEGIN; LOCK TABLE public.jobs');
    expect(await check('source-extension-data', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'warn',
      found:
        'not copied: public."Coordinate systems" of citext (how many rows is not known), public.jobs of citext (how many rows is not known)',
    });
    await other.query('ROLLBACK');
  });
});
