import { expect } from 'vitest';
import { compareDatabases } from '../../support/compare.ts';
import { test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

/** Characters that end a line for JavaScript, or count as white space there, and are letters of a name for PostgreSQL. */
test.for([
  '\u2028',
  '\u2029',
  '\u0085',
  '\u00a0',
  '\u000b',
  '\ufeff',
])('objects of every kind whose names hold %j arrive', async (character, { databases: { source, target } }) => {
  const q = (name: string) => `"${name}${character}${name}"`;
  await source.query(`
      CREATE SCHEMA ${q('s')}; CREATE DOMAIN ${q('d')} AS text DEFAULT '${character}' CHECK (VALUE <> '${character}x');
      CREATE TYPE ${q('e')} AS ENUM ('${character}', 'b${character}'); CREATE SEQUENCE ${q('sq')} START 7;
      CREATE TABLE ${q('s')}.${q('t')} (${q('id')} int PRIMARY KEY, ${q('v')} ${q('d')}, e ${q('e')} DEFAULT '${character}', n int CONSTRAINT ${q('c')} CHECK (n > 0));
      CREATE TABLE ${q('child')} (id int PRIMARY KEY, t int CONSTRAINT ${q('fk')} REFERENCES ${q('s')}.${q('t')});
      INSERT INTO ${q('s')}.${q('t')} SELECT g, 'v${character}' || g FROM generate_series(1, 9) g; INSERT INTO ${q('child')} VALUES (1, 2);
      CREATE INDEX ${q('i')} ON ${q('child')} (t); CREATE STATISTICS ${q('st')} ON id, t FROM ${q('child')};
      CREATE VIEW ${q('w')} AS SELECT * FROM ${q('child')}; CREATE MATERIALIZED VIEW ${q('mv')} AS SELECT * FROM ${q('child')};
      CREATE UNIQUE INDEX ${q('mvi')} ON ${q('mv')} (id);
      CREATE FUNCTION ${q('f')}(${q('a')} int) RETURNS int LANGUAGE sql AS $$ SELECT 1 -- ${character}$$;
      CREATE FUNCTION ${q('tf')}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER ${q('tr')} BEFORE INSERT ON ${q('child')} FOR EACH ROW EXECUTE FUNCTION ${q('tf')}();
      ALTER TABLE ${q('child')} ENABLE ROW LEVEL SECURITY; CREATE POLICY ${q('p')} ON ${q('child')} USING (true);
      COMMENT ON TABLE ${q('child')} IS 'a${character}b'; GRANT SELECT ON ${q('child')} TO PUBLIC;`);
  await using migration = await Migration.startToReplay({ source, target });
  await source.query(`UPDATE ${q('s')}.${q('t')} SET ${q('v')} = 'new${character}' WHERE ${q('id')} = 3`);
  await migration.cutOver();
  const { tables, objects } = await migration.verify();
  expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  expect(objects).toEqual([]);
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
