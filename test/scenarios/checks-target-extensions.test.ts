import { describe, expect } from 'vitest';
import { olderThan } from '../../src/providers/common/extension-versions.ts';
import { applyFix } from '../support/apply-fix.ts';
import { check } from '../support/check-context.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { uriOf } from '../support/test-servers.ts';
import { Migration } from './whole/migration.ts';

describe('extensions', () => {
  test('of the source are offered, made, and do not count as content of the target', async ({
    databases: { source, target },
  }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('target-extensions', input)).toMatchObject({ status: 'pass', found: 'the source uses none' });
    await source.admin(`CREATE SCHEMA "Tools"; CREATE EXTENSION hstore SCHEMA "Tools";
      CREATE EXTENSION tablefunc SCHEMA public; CREATE EXTENSION cube SCHEMA public; CREATE EXTENSION citext SCHEMA "Tools"`);
    const result = await check('target-extensions', input);
    expect(result).toMatchObject({
      status: 'info',
      found: expect.stringMatching(
        /^hstore [\d.]+, tablefunc [\d.]+, cube [\d.]+, citext [\d.]+; not there yet, will be created: /,
      ),
      apply: {
        side: 'target',
        sql: [
          'CREATE SCHEMA IF NOT EXISTS "Tools"',
          'CREATE EXTENSION IF NOT EXISTS "hstore" SCHEMA "Tools" CASCADE',
          'CREATE EXTENSION IF NOT EXISTS "tablefunc" SCHEMA "public" CASCADE',
          'CREATE EXTENSION IF NOT EXISTS "cube" SCHEMA "public" CASCADE',
          'CREATE EXTENSION IF NOT EXISTS "citext" SCHEMA "Tools" CASCADE',
        ],
      },
    });
    // Trying has left nothing behind.
    expect(await target.query("SELECT FROM pg_extension WHERE extname <> 'plpgsql'")).toEqual([]);
    expect(await target.query("SELECT FROM pg_namespace WHERE nspname = 'Tools'")).toEqual([]);

    await applyFix(result, input);
    expect(await check('target-extensions', input)).toMatchObject({ status: 'pass', apply: null });
    expect(await check('target-empty', input)).toMatchObject({ status: 'pass', found: 'empty' });
    expect(
      await target.query(`SELECT extname AS name, nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
        WHERE extname <> 'plpgsql' ORDER BY 1`),
    ).toEqual([
      { name: 'citext', schema: 'Tools' },
      { name: 'cube', schema: 'public' },
      { name: 'hstore', schema: 'Tools' },
      { name: 'tablefunc', schema: 'public' },
    ]);
    // Only what is in the schema besides is content.
    await target.query('CREATE TABLE "Tools".own (id int)');
    expect(await check('target-empty', input)).toMatchObject({ status: 'fail', found: '1 table ("Tools".own)' });
  });

  test('made beforehand do not disturb the migration', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    await source.query(`CREATE SCHEMA "Tools"; CREATE EXTENSION hstore SCHEMA "Tools"; CREATE EXTENSION citext SCHEMA public;
      CREATE TABLE public.bags (id int PRIMARY KEY, bag "Tools".hstore, name public.citext);
      INSERT INTO public.bags VALUES (1, 'a=>1', 'Ann'), (2, 'b=>NULL', 'bob')`);
    await applyFix(await check('target-extensions', input), input);
    await using migration = await Migration.start({ ...input, targetDatabase: target.name });
    await migration.cutOver();
    expect(migration.warnings.filter((text) => text.startsWith('Left out'))).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('that only a superuser may create are told, gravely where something depends on them', async ({
    databases: { source, target },
  }) => {
    const input = { source: source.uri, target: target.uri };
    await source.admin('CREATE EXTENSION pg_buffercache SCHEMA public');
    const result = await check('target-extensions', input);
    expect(result).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('pg_buffercache (permission denied to create extension'),
      apply: null,
    });
    expect(result.fix).toContain('CREATE EXTENSION IF NOT EXISTS "pg_buffercache" SCHEMA "public" CASCADE;');
    await source.admin('CREATE VIEW public.buffers AS SELECT count(*) AS n FROM public.pg_buffercache');
    const needed = await check('target-extensions', input);
    expect(needed).toMatchObject({ status: 'fail', code: 'TM1214' });
    expect(needed.fix).toContain('pg_buffercache is used by rule _RETURN on view public.buffers');

    // The administrator runs what the text says.
    const [line = ''] = needed.fix.split('\n');
    await target.admin(line.slice(line.indexOf(': ') + 2));
    expect(await check('target-extensions', input)).toMatchObject({ status: 'pass' });
  });

  test('that the target does not have', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    // No extension can be on one of two like servers only, so this one is hstore under another name.
    await source.admin(
      `CREATE EXTENSION hstore SCHEMA public; UPDATE pg_extension SET extname = 'made_up' WHERE extname = 'hstore'`,
    );
    const unused = await check('target-extensions', input);
    expect(unused).toMatchObject({
      status: 'fail',
      code: 'TM1214',
      side: 'target',
      found: 'not available on the target: made_up',
    });
    expect(unused.fix).toContain(
      'Nothing in the schema depends on made_up: leave it out with --skip-extensions made_up.',
    );
    await source.query('CREATE TABLE bags (id int, bag public.hstore)');
    expect((await check('target-extensions', input)).fix).toContain(
      'made_up is used by column bag of table public.bags. Ask Tiger support',
    );
    expect(await check('target-extensions', { ...input, options: { skipExtensions: ['made_up'] } })).toMatchObject({
      status: 'info',
      found: 'skipped: made_up',
    });
    expect(await check('target-extensions', { ...input, options: { skipExtensions: 'all' } })).toMatchObject({
      status: 'info',
    });
  });

  test('older on the target are brought up', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    await source.query('CREATE EXTENSION hstore SCHEMA public');
    await target.query("CREATE EXTENSION hstore SCHEMA public VERSION '1.4'");
    const [there] = await source.query<{ version: string }>(
      "SELECT extversion AS version FROM pg_extension WHERE extname = 'hstore'",
    );
    const result = await check('target-extension-versions', input);
    expect(result).toMatchObject({
      status: 'warn',
      found: `hstore 1.4, the source has ${there?.version}`,
      apply: { side: 'target', sql: [`ALTER EXTENSION "hstore" UPDATE TO '${there?.version}'`] },
    });
    // Trying has not updated it.
    expect(await check('target-extension-versions', input)).toEqual(result);
    expect(
      await check('target-extension-versions', { ...input, options: { skipExtensions: ['hstore'] } }),
    ).toMatchObject({ status: 'pass' });
    await applyFix(result, input);
    expect(await check('target-extension-versions', input)).toMatchObject({ status: 'pass' });
  });

  test('older on the target, and not ours to update', async ({ databases: { source, target }, databases }) => {
    const role = databases.role('guest');
    await target.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; CREATE EXTENSION hstore SCHEMA public VERSION '1.4'`);
    await source.query('CREATE EXTENSION hstore SCHEMA public');
    const input = { source: source.uri, target: uriOf(target.server, target.name, role, 'x') };
    const result = await check('target-extension-versions', input);
    expect(result).toMatchObject({ status: 'warn', apply: null });
    expect(result.fix).toContain('Ask Tiger support');
    // A newer one on the target is fine.
    await target.admin('ALTER EXTENSION hstore UPDATE');
    await source.admin("UPDATE pg_extension SET extversion = '1.4' WHERE extname = 'hstore'");
    expect(await check('target-extension-versions', input)).toMatchObject({ status: 'pass' });
  });

  test('have versions that compare by number', () => {
    expect(olderThan('1.9', '1.10')).toBe(true);
    expect(olderThan('1.10', '1.9')).toBe(false);
    expect(olderThan('1.8', '1.8')).toBe(false);
    expect(olderThan('3.4.2', '3.5.0dev')).toBe(true);
    expect(olderThan('2', '2.0.1')).toBe(true);
  });
});
