import { describe, expect } from 'vitest';
import { check } from '../../support/check-context.ts';
import { type TestDatabase, test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

/** Refuses commands with these tags. */
const block = (source: TestDatabase, name: string, tags: readonly string[], at = 'ddl_command_start', mode = '') =>
  source.admin(`CREATE FUNCTION "${name}"() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN IF tg_tag IN (${tags.map((tag) => `'${tag}'`).join(', ')}) THEN RAISE EXCEPTION 'not here: %', tg_tag; END IF; END $$;
    CREATE EVENT TRIGGER "${name}" ON ${at} EXECUTE FUNCTION "${name}"(); ${mode}`);

const TABLES = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')";

/** The SQL that a remedy gives, of one line. */
const sqlOf = (fix: string, line: RegExp): string =>
  fix
    .split('\n')
    .filter((one) => line.test(one))
    .flatMap((one) => one.match(/ALTER EVENT TRIGGER [^;]*;/g) ?? [])
    .join(' ');

describe('an event trigger that refuses', () => {
  test('CREATE PUBLICATION is named, and the remedies work', async ({ databases: { source, target } }) => {
    await source.query(TABLES);
    await block(source, 'no ddl', ['CREATE PUBLICATION', 'DROP PUBLICATION', 'ALTER PUBLICATION']);
    await block(source, 'harmless', ['CREATE VIEW']);
    const uris = { source: source.uri, target: target.uri };
    const told = await check('source-publication-right', uris);
    expect(told).toMatchObject({ status: 'fail', code: 'TM1212' });
    expect(told.found).toBe('event trigger "no ddl" refuses: not here: CREATE PUBLICATION');
    expect(told.fix).not.toContain('GRANT');
    expect(told.fix).toContain('--plugin test_decoding');
    expect(await check('source-publication-right', { ...uris, options: { plugin: 'test_decoding' } })).toMatchObject({
      status: 'pass',
    });
    expect(sqlOf(told.fix, /^As the owner/)).toBe('ALTER EVENT TRIGGER "no ddl" DISABLE;');
    await source.admin(sqlOf(told.fix, /^As the owner/));
    expect(await check('source-publication-right', uris)).toMatchObject({ status: 'pass' });
    await using migration = await Migration.start({
      ...uris,
      targetDatabase: target.name,
      options: { skipRoles: true },
    });
    await migration.reached('replay');
    await migration.cutOver(false);
    await source.admin(sqlOf(told.fix, /^After/));
    expect(await source.query(`SELECT evtenabled::text AS e FROM pg_event_trigger WHERE evtname = 'no ddl'`)).toEqual([
      { e: 'O' },
    ]);
  });

  test.for([
    ['ALTER PUBLICATION', 'ddl_command_end'],
    ['DROP PUBLICATION', 'ddl_command_start'],
    ['DROP PUBLICATION', 'sql_drop'],
  ] as const)('only %s, at %s, is found before anything is begun', async ([tag, at], {
    databases: { source, target },
  }) => {
    await source.query(TABLES);
    await block(source, 'later', [tag], at, 'ALTER EVENT TRIGGER later ENABLE ALWAYS');
    const told = await check('source-publication-right', { source: source.uri, target: target.uri });
    expect(told).toMatchObject({ status: 'fail', found: `event trigger "later" refuses: not here: ${tag}` });
    expect(sqlOf(told.fix, /^After/)).toBe('ALTER EVENT TRIGGER "later" ENABLE ALWAYS;');
  });

  test('a missing right is told as before', async ({ databases: { source, target } }) => {
    await source.query(TABLES);
    await block(source, 'harmless', ['CREATE VIEW']);
    await source.admin(
      `REVOKE CREATE ON DATABASE "${source.name}" FROM "${source.owner}"; ALTER DATABASE "${source.name}" OWNER TO CURRENT_USER`,
    );
    const told = await check('source-publication-right', { source: source.uri, target: target.uri });
    expect(told).toMatchObject({ status: 'fail', fix: expect.stringContaining('GRANT CREATE ON DATABASE') });
    expect(told.fix).not.toContain('EVENT TRIGGER');
  });

  test('what is made on the target is named by the trial of the schema', async ({ databases: { source, target } }) => {
    await source.query(
      `${TABLES}; CREATE VIEW seen AS SELECT * FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    );
    await block(target, 'no views', ['CREATE VIEW']);
    // Its function would count as an object of the target's.
    await target.admin('CREATE SCHEMA hooks; ALTER FUNCTION "no views"() SET SCHEMA hooks');
    const options = { excludeSchema: ['hooks'] };
    const told = await check('target-schema', { source: source.uri, target: target.uri, options });
    expect(told).toMatchObject({ status: 'fail', code: 'TM1223' });
    expect(told.found).toBe('VIEW public.seen (not here: CREATE VIEW)');
    expect(told.fix).toContain('ALTER EVENT TRIGGER "no views" DISABLE;');
  });
});
