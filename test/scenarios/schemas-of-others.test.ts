import { describe, expect, inject } from 'vitest';
import { check } from '../support/check-context.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration, type MigrationInput } from './whole/migration.ts';

const between = ({ source, target }: TestDatabases): Pick<MigrationInput, 'source' | 'target' | 'targetDatabase'> => ({
  source: source.uri,
  target: target.uri,
  targetDatabase: target.name,
});

const compare = ({ source, target }: TestDatabases): Promise<string[]> =>
  compareDatabases(source.superuserUri, target.superuserUri, {
    // The migration's own role owns what it has made.
    ignore: [/^privileges of schema public/],
  });

const count = async ({ target }: TestDatabases, table: string): Promise<number> =>
  Number((await target.admin<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n);

/** All the names that TimescaleDB, its toolkit and others use, and some that begin like them. */
const SCHEMAS = [
  ...[
    'timescaledb_app',
    '_timescaledb_notes',
    'timescaledb_information',
    'timescaledb_experimental',
    '_timescaledb_internal',
  ],
  ...[
    '_timescaledb_catalog',
    '_timescaledb_functions',
    '_timescaledb_config',
    'toolkit_experimental',
    'tiger_migrate2',
  ],
  ...['tiger_migrate_', 'pgx', 'PG_upper', 'information_schema2', '_timescaledb_*', 'a?b|c', 'we"ird.name'],
];
const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const makeSchemas = SCHEMAS.map(
  (name, n) => `CREATE SCHEMA ${ident(name)};
    CREATE TABLE ${ident(name)}.t (id int PRIMARY KEY, v text); INSERT INTO ${ident(name)}.t VALUES (1, 'a'), (2, 'b');
    CREATE SEQUENCE ${ident(name)}.sq; SELECT nextval('${ident(name)}.sq');
    CREATE TYPE ${ident(name)}.e AS ENUM ('x${n}'); CREATE VIEW ${ident(name)}.v AS SELECT * FROM ${ident(name)}.t;
    CREATE MATERIALIZED VIEW ${ident(name)}.m AS SELECT * FROM ${ident(name)}.t;
    CREATE FUNCTION ${ident(name)}.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER tg BEFORE INSERT ON ${ident(name)}.t FOR EACH ROW EXECUTE FUNCTION ${ident(name)}.f();`,
).join('\n');
const change = (id: number): string =>
  SCHEMAS.map(
    (name) =>
      `INSERT INTO ${ident(name)}.t VALUES (${id}, 'new'); UPDATE ${ident(name)}.t SET v = 'u${id}' WHERE id = 1;`,
  ).join('\n');

describe('a schema is left out for what it is, not for its name', () => {
  for (const plugin of ['pgoutput', 'test_decoding', 'wal2json'] as const) {
    test.skipIf(plugin === 'wal2json' && inject('wal2json') === null)(
      `schemas called as those of others arrive, by ${plugin}`,
      async ({ databases }) => {
        await databases.source.query(makeSchemas);
        expect(
          await check('source-not-migrated', { source: databases.source.uri, target: databases.target.uri }),
        ).not.toMatchObject({ found: expect.stringContaining('schemas left out') });
        await using migration = await Migration.start({ ...between(databases), options: { plugin }, waitForGo: true });
        await migration.untilSnapshot();
        await databases.source.query(change(10));
        await migration.go();
        await migration.reached('replay');
        await databases.source.query(change(11));
        await migration.cutOver();
        expect(await compare(databases)).toEqual([]);
        expect((await migration.verify()).objects).toEqual([]);
        expect((await migration.verify()).tables.length).toBe(SCHEMAS.length);
      },
    );
  }

  test('a schema that is a member of an extension keeps its tables of the operator', async ({ databases }) => {
    const member = 'CREATE SCHEMA hs; CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD SCHEMA hs;';
    const grant = (owner: string) => `GRANT ALL ON SCHEMA hs TO ${owner}`;
    await databases.source.admin(`${member} ${grant(databases.source.owner)}`);
    await databases.target.admin(`${member} ${grant(databases.target.owner)}`);
    await databases.source.query('CREATE TABLE hs.mine (id int PRIMARY KEY, h hstore); INSERT INTO hs.mine VALUES (1)');
    await using migration = await Migration.start(between(databases));
    await migration.reached('replay');
    await databases.source.query("INSERT INTO hs.mine VALUES (2, 'a=>1')");
    await migration.cutOver();
    expect(await count(databases, 'hs.mine')).toBe(2);
    expect((await migration.verify()).equal).toBe(true);
  });

  test('a schema that is a member of timescaledb is left out, is said, and its changes are read over', async ({
    databases,
  }) => {
    // As CREATE EXTENSION notes it; a schema called alike that is no member is the operator's.
    await databases.source.admin(`CREATE SCHEMA inner_one; CREATE SCHEMA _timescaledb_internal;
      INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES (99999, 'timescaledb_toolkit', 10, 'public'::regnamespace, false, '1.0');
      INSERT INTO pg_depend VALUES ('pg_namespace'::regclass, 'inner_one'::regnamespace, 0, 'pg_extension'::regclass, 99999, 0, 'e');
      GRANT ALL ON SCHEMA inner_one, _timescaledb_internal TO ${databases.source.owner}`);
    await databases.source.query(`CREATE TABLE inner_one.theirs (id int PRIMARY KEY);
      CREATE TABLE _timescaledb_internal._hyper_1_1_chunk (id int PRIMARY KEY)`);
    const input = { source: databases.source.uri, target: databases.target.uri };
    expect(await check('source-not-migrated', input)).toMatchObject({
      status: 'info',
      found: 'schemas left out: inner_one (of the extension timescaledb_toolkit)',
    });
    await using migration = await Migration.start({
      ...between(databases),
      options: { plugin: 'test_decoding', skipExtensions: ['timescaledb_toolkit'] },
    });
    await migration.reached('replay');
    await databases.source.query(`INSERT INTO inner_one.theirs VALUES (1);
      INSERT INTO _timescaledb_internal._hyper_1_1_chunk VALUES (1)`);
    await migration.cutOver();
    expect(await count(databases, '_timescaledb_internal._hyper_1_1_chunk')).toBe(1);
    expect(await databases.target.admin("SELECT FROM pg_namespace WHERE nspname = 'inner_one'")).toEqual([]);
    expect(migration.of('done')[0]?.summary.join('\n')).toContain(
      'Schemas left out: inner_one (of the extension timescaledb_toolkit)',
    );
    expect(migration.warnings.filter((text) => text.includes('theirs'))).toEqual([]);
  });
});

describe('a schema tiger_migrate', () => {
  test("on the source that is the operator's is refused before anything is made, or left out on request", async ({
    databases,
  }) => {
    await databases.source.query(
      'CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.migration (id int PRIMARY KEY)',
    );
    const input = { source: databases.source.uri, target: databases.target.uri };
    expect(await check('source-schema-tiger-migrate', input)).toMatchObject({ status: 'fail', code: 'TM1218' });
    await using refused = await Migration.start(between(databases));
    expect(await refused.ended).toMatchObject({ code: 'TM1218' });
    expect(await databases.target.admin("SELECT FROM pg_namespace WHERE nspname = 'tiger_migrate'")).toEqual([]);
    const options = { excludeSchema: ['tiger_migrate'] };
    expect(await check('source-schema-tiger-migrate', { ...input, options })).toMatchObject({ status: 'pass' });
    await databases.source.query('CREATE TABLE kept (id int PRIMARY KEY)');
    await using migration = await Migration.start({ ...between(databases), options });
    await migration.reached('replay');
    await migration.cutOver();
    expect(await count(databases, 'kept')).toBe(0);
  });

  test("on the target that is the operator's is refused, also with --drop-if-exists, and stays", async ({
    databases,
  }) => {
    await databases.target.query(
      'CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.migration (id int PRIMARY KEY)',
    );
    await using refused = await Migration.start({ ...between(databases), options: { dropIfExists: true } });
    expect(await refused.ended).toMatchObject({ code: 'TM1218', side: 'target' });
    expect(await count(databases, 'tiger_migrate.migration')).toBe(0);
  });

  test('on the source of an earlier migration is left out and said', async ({ databases }) => {
    // What a target is left with that was never cleaned.
    await databases.source.query(`CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.migration (source_timeline text);
      CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)`);
    const input = { source: databases.source.uri, target: databases.target.uri };
    expect(await check('source-not-migrated', input)).toMatchObject({
      found: 'schemas left out: tiger_migrate (of an earlier migration to this database)',
    });
    await using migration = await Migration.start(between(databases));
    await migration.reached('replay');
    await databases.source.query("INSERT INTO tiger_migrate.migration VALUES ('1')");
    await migration.cutOver();
    expect(await count(databases, 'kept')).toBe(1);
  });
});
