import { quoteLiteral } from '../../../src/postgres/identifiers.ts';
import type { StrangeDatabase } from './database.ts';
import { schemaOf } from './kinds-of-tables.ts';

type Maker = (db: StrangeDatabase) => void;

/** A dollar quote that the text does not hold. */
const dollars = (body: string): string => {
  let tag = '$f$';
  for (let count = 0; body.includes(tag); count += 1) tag = `$f${count}$`;
  return `${tag}${body}${tag}`;
};

/** Kinds of types, programs, views, rights and settings. */
export const OBJECT_KINDS: Readonly<Record<string, Maker>> = {
  schema: (db) => {
    const name = db.names.next('sc');
    db.add(`CREATE SCHEMA ${name}`);
    db.schemas.push(name);
  },
  enum: (db) => {
    const [name, label] = [db.qualified('e'), db.names.text().slice(0, 20)];
    db.add(
      `CREATE TYPE ${name} AS ENUM (${quoteLiteral(label)}, 'b', '')`,
      `ALTER TYPE ${name} ADD VALUE 'between' BEFORE 'b'`,
    );
    db.enums.push({ name, label });
    const table = db.newTable();
    db.add(
      `ALTER TABLE ${table.name} ADD COLUMN ${db.names.next('e')} ${name} DEFAULT 'between', ADD COLUMN es ${name}[]`,
    );
    db.add(`UPDATE ${table.name} SET es = ARRAY[${quoteLiteral(label)}, NULL, '']::${name}[]`);
  },
  composite: (db) => {
    const name = db.qualified('co');
    const table = db.newTable();
    db.add(
      `CREATE TYPE ${name} AS (${db.names.next('a')} integer, ${db.names.next('b')} text COLLATE "C")`,
      `ALTER TABLE ${table.name} ADD COLUMN co ${name}, ADD COLUMN cos ${name}[]`,
      `UPDATE ${table.name} SET co = ROW(1, ${db.literal()}), cos = ARRAY[ROW(NULL, 'a')]::${name}[]`,
    );
  },
  range: (db) => {
    const name = db.qualified('ra');
    const table = db.newTable();
    db.add(
      `CREATE TYPE ${name} AS RANGE (subtype = text, collation = "C")`,
      `ALTER TABLE ${table.name} ADD COLUMN ra ${name}`,
      `UPDATE ${table.name} SET ra = '[a,b)'`,
    );
  },
  domain: (db) => {
    const [name, upon] = [db.qualified('do'), db.qualified('do')];
    const table = db.newTable();
    db.add(
      `CREATE DOMAIN ${name} AS text DEFAULT ${db.literal()} CONSTRAINT ${db.names.next('dc')} CHECK (VALUE <> ${db.literal()})`,
      `CREATE DOMAIN ${upon} AS ${name} CHECK (length(VALUE) < 500)`,
      `ALTER TABLE ${table.name} ADD COLUMN dm ${upon}, ADD COLUMN dms ${name}[]`,
      `UPDATE ${table.name} SET dms = ARRAY['x', NULL]::${name}[]`,
    );
  },
  'sql function': (db) => {
    const name = db.qualified('f');
    db.add(
      `CREATE FUNCTION ${name}(${db.names.next('x')} integer DEFAULT 3, VARIADIC rest text[] DEFAULT ARRAY[${db.literal()}]) RETURNS text LANGUAGE sql ${db.chance.oneOf(['IMMUTABLE STRICT', 'STABLE PARALLEL SAFE COST 7', `SET search_path = pg_catalog, ${db.chance.oneOf(db.schemas)}`, 'SECURITY DEFINER'])} AS ${dollars(`SELECT ${db.literal()}::text`)}`,
    );
  },
  'function with SQL body': (db) => {
    const table = db.table();
    db.add(
      `CREATE FUNCTION ${db.qualified('fb')}(a integer) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM ${table.name} WHERE ${table.number} > a; END`,
    );
  },
  'table function': (db) => {
    const table = db.table();
    db.add(
      `CREATE FUNCTION ${db.qualified('ft')}(OUT n integer, OUT ${db.names.next('o')} text) RETURNS SETOF record LANGUAGE plpgsql ROWS 5 AS ${dollars(`BEGIN RETURN QUERY SELECT 1, ${db.literal()}::text; END -- TOC entry 3; 1259 16385 TABLE public x postgres\n`)}`,
      `CREATE FUNCTION ${db.qualified('fr')}() RETURNS SETOF ${table.name} LANGUAGE sql STABLE AS ${dollars(`SELECT * FROM ${table.name}`)}`,
    );
  },
  procedure: (db) => {
    db.add(
      `CREATE PROCEDURE ${db.qualified('pc')}(INOUT a integer) LANGUAGE plpgsql AS ${dollars('BEGIN COMMIT; END')}`,
    );
  },
  aggregate: (db) => {
    db.add(
      `CREATE AGGREGATE ${db.qualified('ag')}(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE)`,
    );
  },
  operator: (db) => {
    const name = db.qualified('of');
    db.add(
      `CREATE FUNCTION ${name}(integer, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2'`,
      `CREATE OPERATOR ${schemaOf(name)}.${db.chance.oneOf(['===', '@@!', '<->#'])} (LEFTARG = integer, RIGHTARG = text, FUNCTION = ${name})`,
    );
    // Twice in one schema is refused.
    const made = new Set<string>();
    for (const [index, statement] of db.statements.entries()) {
      const operator = /^CREATE OPERATOR [\s\S]* \(LEFTARG/.exec(statement)?.[0];
      if (operator && made.has(operator)) db.statements.splice(index, 1);
      else if (operator) made.add(operator);
    }
  },
  cast: (db) => {
    const [type, name] = [db.qualified('kt'), db.qualified('kf')];
    db.add(
      `CREATE TYPE ${type} AS (a integer)`,
      `CREATE FUNCTION ${name}(${type}) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.a'`,
      `CREATE CAST (${type} AS integer) WITH FUNCTION ${name}(${type}) AS ASSIGNMENT`,
    );
  },
  collation: (db) => {
    const name = db.qualified('cl');
    const table = db.newTable();
    db.add(
      `CREATE COLLATION ${name} (provider = icu, locale = 'und-u-ks-level2', deterministic = ${db.chance.oneOf(['true', 'false'])})`,
      `ALTER TABLE ${table.name} ADD COLUMN cl text COLLATE ${name} DEFAULT 'Abc'`,
      `CREATE INDEX ON ${table.name} (cl)`,
    );
  },
  'text search': (db) => {
    const [dictionary, configuration] = [db.qualified('td'), db.qualified('tc')];
    db.add(
      `CREATE TEXT SEARCH DICTIONARY ${dictionary} (TEMPLATE = pg_catalog.simple, Accept = false)`,
      `CREATE TEXT SEARCH CONFIGURATION ${configuration} (COPY = pg_catalog.english)`,
      `ALTER TEXT SEARCH CONFIGURATION ${configuration} ALTER MAPPING FOR asciiword WITH ${dictionary}, pg_catalog.english_stem`,
    );
  },
  view: (db) => {
    const table = db.table();
    const name = db.qualified('v');
    db.add(
      `CREATE ${db.chance.oneOf([
        `VIEW ${name} WITH (security_barrier) AS SELECT ${table.key}, ${table.text} AS ${db.names.next('al')} FROM ${table.name} WHERE ${table.text} <> ${db.literal()}`,
        `VIEW ${name} AS SELECT ${table.key}, ${table.number} FROM ${table.name} WHERE ${table.number} < 3 WITH LOCAL CHECK OPTION`,
        `VIEW ${name} AS SELECT t.* FROM ${table.name} t GROUP BY t.${table.key}`,
        `VIEW ${name} (n) AS WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r`,
        `VIEW ${name} AS SELECT ${table.key}, count(*) OVER (PARTITION BY ${table.number} ORDER BY ${table.key} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS w, array[1,2] || ${table.number} AS a, ${table.text} ~ '^x' AS m FROM ${table.name}`,
      ])}`,
    );
  },
  'materialized view': (db) => {
    const table = db.table();
    const name = db.qualified('mv');
    db.add(
      `CREATE MATERIALIZED VIEW ${name} AS SELECT ${table.number} AS n, count(*) AS c FROM ${table.name} GROUP BY 1 ${db.chance.oneOf(['', 'WITH NO DATA'])}`,
      `CREATE UNIQUE INDEX ON ${name} (n)`,
    );
    if (db.chance.percent(40)) db.add(`CREATE VIEW ${db.qualified('vm')} AS SELECT * FROM ${name}`);
  },
  trigger: (db) => {
    const table = db.newTable();
    const name = db.qualified('tf');
    db.add(
      `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS ${dollars('BEGIN RETURN coalesce(NEW, OLD); END')}`,
    );
    const trigger = db.names.next('tr');
    db.add(
      `CREATE ${db.chance.oneOf([
        `TRIGGER ${trigger} BEFORE INSERT OR UPDATE OF ${table.text} ON ${table.name} FOR EACH ROW WHEN (NEW.${table.number} > 0)`,
        `TRIGGER ${trigger} AFTER INSERT ON ${table.name} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT`,
        `CONSTRAINT TRIGGER ${trigger} AFTER DELETE ON ${table.name} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW`,
        `TRIGGER ${trigger} AFTER TRUNCATE ON ${table.name} FOR EACH STATEMENT`,
      ])} EXECUTE FUNCTION ${name}(${db.literal()}, '')`,
    );
    const enabled = db.chance.oneOf(['', 'DISABLE', 'ENABLE']);
    if (enabled !== '') db.add(`ALTER TABLE ${table.name} ${enabled} TRIGGER ${trigger}`);
  },
  rule: (db) => {
    const table = db.newTable();
    const other = db.table();
    const view = db.qualified('rv');
    db.add(
      `CREATE VIEW ${view} AS SELECT ${table.key} AS k FROM ${table.name}`,
      `CREATE RULE ${db.names.next('ru')} AS ON INSERT TO ${view} DO INSTEAD INSERT INTO ${table.name} (${table.key}) VALUES (NEW.k)`,
      `CREATE RULE ${db.names.next('ru')} AS ON DELETE TO ${table.name} WHERE OLD.${table.number} = 99 DO ALSO UPDATE ${other.name} SET ${other.text} = ${db.literal()} WHERE ${other.key} = -1`,
    );
  },
  policy: (db) => {
    const table = db.newTable();
    const role = db.role();
    db.add(
      `CREATE POLICY ${db.names.next('po')} ON ${table.name} ${db.chance.oneOf(['', 'AS RESTRICTIVE FOR SELECT'])} TO ${role}, PUBLIC USING (${table.text} <> ${db.literal()} OR ${table.number} > 0)`,
      `ALTER TABLE ${table.name} ENABLE ROW LEVEL SECURITY`,
    );
    if (db.chance.percent(30)) db.add(`ALTER TABLE ${table.name} FORCE ROW LEVEL SECURITY`);
  },
  comment: (db) => {
    const table = db.table();
    db.add(
      `COMMENT ON TABLE ${table.name} IS ${db.literal()}`,
      `COMMENT ON COLUMN ${table.name}.${table.text} IS ${db.literal()}`,
      `COMMENT ON SCHEMA ${db.chance.oneOf(db.schemas)} IS ${db.literal()}`,
    );
  },
  grant: (db) => {
    const table = db.table();
    const [one, two] = [db.role(), db.newRole()];
    db.add(
      `GRANT SELECT, INSERT ON ${table.name} TO ${one} WITH GRANT OPTION`,
      `GRANT UPDATE (${table.text}), REFERENCES (${table.key}) ON ${table.name} TO ${two}`,
      `GRANT USAGE ON SCHEMA ${db.chance.oneOf(db.schemas)} TO ${two}`,
    );
  },
  'default privileges': (db) => {
    db.add(
      `ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA ${db.chance.oneOf(db.schemas)} GRANT SELECT ON TABLES TO ${db.role()}`,
      `ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT EXECUTE ON FUNCTIONS TO ${db.role()}`,
    );
  },
  role: (db) => {
    const role = db.newRole(
      db.chance.oneOf([
        'LOGIN',
        'NOLOGIN NOINHERIT',
        "LOGIN VALID UNTIL '2031-01-01 00:00:00+00'",
        'LOGIN CONNECTION LIMIT 3',
      ]),
    );
    if (db.roles.length > 1) {
      const group = db.roles[0] ?? role;
      if (group !== role) db.add(`GRANT ${group} TO ${role}${db.chance.percent(40) ? ' WITH ADMIN OPTION' : ''}`);
    }
    if (db.chance.percent(40)) db.add(`ALTER ROLE ${role} SET statement_timeout = '5s'`);
    if (db.chance.percent(40)) db.add(`COMMENT ON ROLE ${role} IS ${db.literal()}`);
  },
  extension: (db) => {
    const name = db.chance.oneOf([
      'citext',
      'hstore',
      'pg_trgm',
      'unaccent',
      'btree_gist',
      'ltree',
      'intarray',
      'cube',
    ]);
    if (db.statements.some((statement) => statement.startsWith(`CREATE EXTENSION ${name} `))) return;
    const schema = db.chance.oneOf(db.schemas);
    db.add(`CREATE EXTENSION ${name} SCHEMA ${schema}`);
    const types: Readonly<Record<string, string>> = {
      citext: "'AbC'",
      hstore: "'a=>NULL'",
      ltree: "'a.b'",
      cube: "'(1,2)'",
    };
    const value = types[name];
    if (!value) return;
    const table = db.newTable();
    db.add(`ALTER TABLE ${table.name} ADD COLUMN xt ${schema}.${name} DEFAULT ${value}`);
  },
  'function that needs a search_path': (db) => {
    const [inner, outer] = [db.names.next('inner'), db.names.next('outer')];
    const table = db.newTable();
    db.add(
      `CREATE FUNCTION public.${inner}(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'`,
      `CREATE FUNCTION public.${outer}(text) RETURNS text LANGUAGE ${db.chance.oneOf([
        `sql IMMUTABLE AS ${dollars(`SELECT ${inner}($1)`)}`,
        `plpgsql IMMUTABLE AS ${dollars(`BEGIN RETURN ${inner}($1); END`)}`,
      ])}`,
    );
    db.add(
      db.chance.oneOf([
        `CREATE INDEX ON ${table.name} (public.${outer}(${table.text}))`,
        `ALTER TABLE ${table.name} ADD COLUMN sg text GENERATED ALWAYS AS (public.${outer}(${table.text})) STORED`,
        `ALTER TABLE ${table.name} ADD CHECK (public.${outer}(${table.text}) IS DISTINCT FROM 'no')`,
        `CREATE MATERIALIZED VIEW ${db.qualified('sm')} AS SELECT public.${outer}(${table.text}) AS o FROM ${table.name}`,
      ]),
    );
  },
  'domain that is not validated': (db) => {
    const name = db.qualified('dn');
    const table = db.newTable();
    db.add(
      `CREATE DOMAIN ${name} AS integer`,
      `ALTER TABLE ${table.name} ADD COLUMN dn ${name}`,
      `UPDATE ${table.name} SET dn = -1 WHERE ${table.key} = 15`,
      `ALTER DOMAIN ${name} ADD CONSTRAINT ${db.names.next('dc')} CHECK (VALUE > 0) NOT VALID`,
    );
  },
  'conversion and language': (db) => {
    db.add(`CREATE CONVERSION ${db.qualified('cv')} FOR 'LATIN1' TO 'UTF8' FROM pg_catalog.iso8859_1_to_utf8`);
  },
  publication: (db) => {
    db.add(`CREATE PUBLICATION ${db.names.next('pu')} FOR TABLE ${db.table().name}`);
  },
  'security invoker view': (db) => {
    const table = db.table();
    const name = db.qualified('vi');
    db.add(
      `CREATE VIEW ${name} WITH (security_invoker = true) AS SELECT ${table.text} AS x, ${table.number} + 1 AS y FROM ${table.name}`,
      `ALTER VIEW ${name} ALTER COLUMN x SET DEFAULT ${db.literal()}`,
      `COMMENT ON VIEW ${name} IS ${db.literal()}`,
    );
  },
};
