import { describe, expect } from 'vitest';
import { type HypertableOption, parseHypertable } from '../../../src/engine/timescale/hypertable-option.ts';
import { check } from '../../support/check-context.ts';
import { test } from '../../support/databases.ts';
import { offered, realServer } from '../../support/timescaledb/play.ts';
import { realStage } from '../../support/timescaledb/stage.ts';

const wanted = (...texts: string[]): HypertableOption[] => texts.flatMap((text) => parseHypertable(text) ?? []);

/** What a source has, what is wanted of it, what is found, and how it is put right. */
const OBSTACLES: readonly { name: string; sql: string; wanted: string; found: RegExp; fix: RegExp }[] = [
  { name: 'no such table', sql: '', wanted: 'm=time', found: /no such table/, fix: /schema\.table/ },
  { name: 'no such column', sql: 'CREATE TABLE m (id int)', wanted: 'm=time', found: /no column time/, fix: /another/ },
  {
    name: 'a declaratively partitioned table',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL) PARTITION BY RANGE (time)',
    wanted: 'm=time',
    found: /partitioned declaratively/,
    fix: /into an ordinary table/,
  },
  {
    name: 'a table with inheritance',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL); CREATE TABLE child () INHERITS (m)',
    wanted: 'm=time',
    found: /inheritance/,
    fix: /into an ordinary table/,
  },
  {
    name: 'an unlogged table',
    sql: 'CREATE UNLOGGED TABLE m (time timestamptz NOT NULL)',
    wanted: 'm=time',
    found: /unlogged/,
    fix: /into an ordinary table/,
  },
  {
    name: 'a generated column',
    sql: 'CREATE TABLE m (t timestamptz, time timestamptz NOT NULL GENERATED ALWAYS AS (t) STORED)',
    wanted: 'm=time',
    found: /time is a generated column/,
    fix: /ALTER TABLE public\.m ALTER COLUMN time DROP EXPRESSION;/,
  },
  {
    name: 'a column that is neither a time nor an integer',
    sql: 'CREATE TABLE m (time text NOT NULL)',
    wanted: 'm=time',
    found: /time is of type text/,
    fix: /ALTER COLUMN time TYPE timestamptz USING/,
  },
  {
    name: 'an integer without an interval',
    sql: 'CREATE TABLE m (time bigint NOT NULL)',
    wanted: 'm=time',
    found: /needs an interval/,
    fix: /public\.m=time,100000/,
  },
  {
    name: 'an interval that is none',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL)',
    wanted: 'm=time,a while',
    found: /a while is no interval/,
    fix: /public\.m=time,7 days/,
  },
  {
    name: 'half days of a date',
    sql: 'CREATE TABLE m (time date NOT NULL)',
    wanted: 'm=time,36 hours',
    found: /not a whole number of days/,
    fix: /7 days/,
  },
  {
    name: 'rows with NULL',
    sql: 'CREATE TABLE m (time timestamptz); INSERT INTO m VALUES (NULL)',
    wanted: 'm=time',
    found: /rows have NULL in time/,
    fix: /UPDATE public\.m SET time = … WHERE time IS NULL; ALTER TABLE public\.m ALTER COLUMN time SET NOT NULL;/,
  },
  {
    name: 'rows with -infinity',
    sql: `CREATE TABLE m (time timestamptz NOT NULL); INSERT INTO m VALUES ('-infinity')`,
    wanted: 'm=time',
    found: /-infinity/,
    fix: /WHERE time = '-infinity'/,
  },
  {
    name: 'a unique index over an expression',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL, a text); CREATE UNIQUE INDEX u ON m (time, lower(a)); CREATE UNIQUE INDEX v ON m (lower(a))',
    wanted: 'm=time',
    found: /^public\.m: the unique index v \(\)/,
    fix: /--skip-hypertable-incompatible-objects/,
  },
  {
    name: 'a unique constraint without the hash column',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL, a text NOT NULL, b int, CONSTRAINT u UNIQUE (time, b))',
    wanted: 'm=time,hash:a:4',
    found: /the unique constraint u \(time, b\) does not have a,/,
    fix: /CREATE UNIQUE INDEX CONCURRENTLY m_time_b_a_identity ON public\.m \(time, b, a\);/,
  },
  {
    name: 'an age for compression that is no interval',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL)',
    wanted: 'm=time,compress:soon',
    found: /soon is no interval/,
    fix: /compress:30 days/,
  },
  {
    name: 'compression of a number',
    sql: 'CREATE TABLE m (time bigint NOT NULL)',
    wanted: 'm=time,1000,compress:10000',
    found: /has to know which one is now/,
    fix: /Leave compress: away/,
  },
  {
    name: 'a segment that is no column, or the time',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL)',
    wanted: 'm=time,compress:1 day:segmentby=time+a',
    found: /no column a\n.*time orders the rows/,
    fix: /after segmentby=/,
  },
  {
    name: 'an exclusion constraint',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL, span int4range, CONSTRAINT x EXCLUDE USING gist (span WITH &&))',
    wanted: 'm=time',
    found: /the exclusion constraint x \(span\)/,
    fix: /ALTER TABLE public\.m DROP CONSTRAINT x;/,
  },
  {
    name: 'a foreign key to a primary key without the time',
    sql: 'CREATE TABLE m (id int PRIMARY KEY, time timestamptz NOT NULL); CREATE TABLE r (m int CONSTRAINT f REFERENCES m)',
    wanted: 'm=time',
    found: /f of public\.r refers to it|f of r refers to it/,
    fix: /DROP CONSTRAINT f;/,
  },
  {
    name: 'a check that is not inherited',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL, v int CONSTRAINT c CHECK (v > 0) NO INHERIT)',
    wanted: 'm=time',
    found: /the check c is NO INHERIT/,
    fix: /DROP CONSTRAINT c;/,
  },
  {
    name: 'a rule',
    sql: 'CREATE TABLE m (time timestamptz NOT NULL); CREATE RULE r AS ON DELETE TO m DO ALSO NOTHING',
    wanted: 'm=time',
    found: /the rule r/,
    fix: /DROP RULE r ON public\.m;/,
  },
  {
    name: 'a row trigger with a transition table',
    sql: `CREATE TABLE m (time timestamptz NOT NULL); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER t AFTER INSERT ON m REFERENCING NEW TABLE AS n FOR EACH ROW EXECUTE FUNCTION f()`,
    wanted: 'm=time',
    found: /the row trigger t has a transition table/,
    fix: /DROP TRIGGER t ON public\.m;/,
  },
];

const id = 'new-hypertables';

describe('before anything is copied, what no hypertable can have is refused with its remedy', () => {
  test.for(OBSTACLES)('$name', async ({ sql, wanted: text, found, fix }, { databases: { source, target } }) => {
    await source.query(sql || 'SELECT');
    const seen = await check(id, { source: source.uri, target: target.uri, options: { hypertables: wanted(text) } });
    expect(seen).toMatchObject({ status: 'fail', code: 'TM2011' });
    expect(seen.found).toMatch(found);
    expect(seen.fix).toMatch(fix);
  });

  test('a foreign key from one new hypertable to another', async ({ databases: { source, target } }) => {
    await source.query(`CREATE TABLE m (id int, time timestamptz, PRIMARY KEY (id, time));
      CREATE TABLE r (id int, time timestamptz NOT NULL, CONSTRAINT f FOREIGN KEY (id, time) REFERENCES m)`);
    const both = { hypertables: wanted('m=time', 'r=time') };
    const seen = await check(id, { source: source.uri, target: target.uri, options: both });
    expect(seen).toMatchObject({ status: 'fail', code: 'TM2011' });
    expect(seen.found).toMatch(/^public\.m: f of (public\.)?r refers to it/);
    const one = { hypertables: wanted('r=time') };
    expect(await check(id, { source: source.uri, target: target.uri, options: one })).toMatchObject({ status: 'pass' });
  });

  test('a primary key that must go takes its replica identity along: the very statements of the remedy help', async ({
    databases: { source, target },
  }) => {
    await source.query('CREATE TABLE m (id int PRIMARY KEY, time timestamptz)');
    const input = { source: source.uri, target: target.uri };
    const seen = await check(id, { ...input, options: { hypertables: wanted('m=time') } });
    expect(seen.status).toBe('fail');
    expect(seen.found).toMatch(/the primary key m_pkey \(id\) does not have time/);
    const statements = [...seen.fix.matchAll(/(?:ALTER|CREATE) [^;]*;/g)].map(([statement]) => statement);
    expect(new Set(statements)).toEqual(
      new Set([
        'ALTER TABLE public.m ALTER COLUMN time SET NOT NULL;',
        'CREATE UNIQUE INDEX CONCURRENTLY m_id_time_identity ON public.m (id, time);',
        'ALTER TABLE public.m REPLICA IDENTITY USING INDEX m_id_time_identity;',
      ]),
    );
    for (const statement of new Set(statements)) await source.query(statement);
    const skip = { hypertables: wanted('m=time'), skipHypertableIncompatibleObjects: true };
    const then = await check(id, { ...input, options: skip });
    expect(then).toMatchObject({ status: 'warn', found: expect.stringMatching(/m_pkey \(id\) .*: it is left out$/) });
    expect(then.fix).toMatch(/^Nothing there keeps \(id\) unique then/);
  });

  test('what does something is never left out on request', async ({ databases: { source, target } }) => {
    await source.query('CREATE TABLE m (time timestamptz NOT NULL); CREATE RULE r AS ON DELETE TO m DO ALSO NOTHING');
    const options = { hypertables: wanted('m=time'), skipHypertableIncompatibleObjects: true };
    expect(await check(id, { source: source.uri, target: target.uri, options })).toMatchObject({ status: 'fail' });
  });

  test('a target that has no TimescaleDB', async ({ databases: { source, target } }) => {
    await source.query('CREATE TABLE m (time timestamptz NOT NULL)');
    const input = { source: source.uri, target: target.uri };
    const options = { hypertables: wanted('m=time') };
    expect(await check('target-timescaledb', { ...input, options })).toMatchObject({ status: 'fail', code: 'TM2010' });
    expect(await check('target-timescaledb', input)).toMatchObject({ status: 'pass' });
  });
});

for (const version of offered.length > 0 ? offered : ['of any version']) {
  describe.skipIf(offered.length === 0)(`a target with TimescaleDB ${version} itself`, () => {
    test('what passes is made, and a foreign key from a plain table passes where the server takes it', async ({
      databases: { source },
    }) => {
      await using target = await realStage(realServer, version).create('empty');
      await source.query(`CREATE TABLE m (id int, time timestamptz, PRIMARY KEY (id, time));
        CREATE TABLE r (id int, time timestamptz, CONSTRAINT f FOREIGN KEY (id, time) REFERENCES m)`);
      const input = { source: source.uri, target: target.uri, options: { hypertables: wanted('m=time,1 day') } };
      expect(await check('target-timescaledb', input)).toMatchObject({ status: 'pass', found: version });
      const { status } = await check(id, input);
      await target.query(`CREATE TABLE m (id int, time timestamptz, PRIMARY KEY (id, time));
        SELECT create_hypertable('m', by_range('time', interval '1 day'))`);
      const made = await target
        .query('CREATE TABLE r (id int, time timestamptz, CONSTRAINT f FOREIGN KEY (id, time) REFERENCES m)')
        .then(
          () => 'pass',
          () => 'fail',
        );
      expect(status).toBe(made);
    });
  });
}
