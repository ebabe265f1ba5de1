import { qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Entry } from './entry.ts';

/** Statements that make an object from a definition, and the query that prints the definition of this object. */
export interface Probe {
  readonly run: readonly string[];
  readonly read: string;
}

/** How the text of one field becomes a short-lived object in `pg_temp`. */
export interface Probing {
  /** The text as that of the object in `pg_temp`. */
  readonly begin: (text: string) => string;
  readonly probe: (text: string) => Probe;
}

const PROBE = '"pg_temp"."tiger_probe"';
const AS_IS = (text: string): string => text;
const IDENT = '"(?:[^"]|"")*"';

const view = (begin: (text: string) => string): Probing => ({
  begin,
  probe: (text) => ({
    run: [`CREATE VIEW ${PROBE} AS ${text}`],
    read: `SELECT rtrim(pg_get_viewdef('${PROBE}'::regclass), ';')`,
  }),
});

const QUERY = view((text) => text.replace(/;\s*$/, ''));
const EXPRESSION = (table: string | null): Probing =>
  view((text) => `SELECT (${text}) AS e${table === null ? '' : ` FROM ONLY ${table}`}`);

const onTable = (
  table: string,
  begin: (text: string) => string,
  statement: (text: string) => string,
  read: string,
): Probing => ({
  begin,
  probe: (text) => ({ run: [`CREATE TABLE ${PROBE} (LIKE ${table})`, statement(text)], read }),
});

const CONSTRAINT = (table: string): Probing =>
  onTable(
    table,
    AS_IS,
    (text) => `ALTER TABLE ${PROBE} ADD CONSTRAINT tiger_probe ${text}`,
    `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '${PROBE}'::regclass AND conname = 'tiger_probe'`,
  );

const DOMAIN_CONSTRAINT = (type: string): Probing => ({
  begin: AS_IS,
  probe: (text) => ({
    run: [`CREATE DOMAIN ${PROBE} AS ${type}`, `ALTER DOMAIN ${PROBE} ADD CONSTRAINT tiger_probe ${text}`],
    read: `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = '${PROBE}'::regtype AND conname = 'tiger_probe'`,
  }),
});

const INDEX = (table: string): Probing =>
  onTable(
    table,
    (text) =>
      text.replace(
        new RegExp(`^CREATE (UNIQUE )?INDEX ${IDENT} ON (?:ONLY )?${IDENT}\\.${IDENT} `),
        `CREATE $1INDEX "tiger_probe_i" ON ${PROBE} `,
      ),
    AS_IS,
    `SELECT pg_get_indexdef('"pg_temp"."tiger_probe_i"'::regclass)`,
  );

const STATISTICS = (table: string): Probing =>
  onTable(
    table,
    (text) =>
      text
        .replace(new RegExp(`^CREATE STATISTICS ${IDENT}\\.${IDENT} `), 'CREATE STATISTICS "pg_temp"."tiger_probe_s" ')
        .replace(new RegExp(` FROM ${IDENT}\\.${IDENT}$`), ` FROM ${PROBE}`),
    AS_IS,
    `SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = '${PROBE}'::regclass`,
  );

/** `before` and the table's name stand behind the name of the trigger or rule. */
const nameTable = (table: string, before: string) => (text: string) =>
  text.replace(`${before}${table}`, () => `${before}${PROBE}`);

const TRIGGER = (table: string): Probing =>
  onTable(
    table,
    nameTable(table, ' ON '),
    AS_IS,
    `SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = '${PROBE}'::regclass AND NOT tgisinternal`,
  );

const RULE = (table: string): Probing =>
  onTable(
    table,
    nameTable(table, ' TO '),
    AS_IS,
    `SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = '${PROBE}'::regclass`,
  );

const PARTITION_KEY = (table: string): Probing => ({
  begin: AS_IS,
  probe: (text) => ({
    run: [`CREATE TABLE ${PROBE} (LIKE ${table}) PARTITION BY ${text}`],
    read: `SELECT pg_get_partkeydef('${PROBE}'::regclass)`,
  }),
});

const ROUTINE = (schema: string, name: string): Probing => ({
  begin: (text) => text.replace(`${quoteIdent(schema)}.${quoteIdent(name)}(`, () => `${PROBE}(`),
  probe: (text) => ({
    run: [text],
    read: `SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'tiger_probe' AND pronamespace = pg_my_temp_schema()`,
  }),
});

const LOCALE: Probing = {
  begin: AS_IS,
  probe: (text) => ({
    run: [`CREATE COLLATION ${PROBE} (provider = icu, locale = ${quoteLiteral(text)})`],
    read: `SELECT coalesce(to_jsonb(k) ->> 'colllocale', to_jsonb(k) ->> 'colliculocale') FROM pg_collation k
      WHERE collname = 'tiger_probe' AND collnamespace = pg_my_temp_schema()`,
  }),
};

/** How the text of a field can be compared by what a server makes of it; null: only as it is. */
export function probingOf({ kind, name, fields }: Entry, field: string): Probing | null {
  const [schema = '', relation = ''] = name;
  const own = qualified({ schema, name: relation });
  switch (`${kind} ${field}`) {
    case 'view definition':
    case 'materialized view definition':
      return QUERY;
    case 'function definition':
    case 'procedure definition':
      return ROUTINE(schema, relation);
    case 'column default':
    case 'policy using':
    case 'policy check':
      return EXPRESSION(own);
    case 'domain default':
      return EXPRESSION(null);
    case 'constraint definition':
      return fields.type === 'd'
        ? DOMAIN_CONSTRAINT(fields['base type'] ?? '')
        : fields.type === 'f'
          ? null
          : CONSTRAINT(own);
    case 'index definition':
      return INDEX(tableOf(fields));
    case 'statistics object definition':
      return STATISTICS(tableOf(fields));
    case 'trigger definition':
      return TRIGGER(own);
    case 'rule definition':
      return RULE(own);
    case 'table partition key':
      return PARTITION_KEY(own);
    case 'collation locale':
      return LOCALE;
    default:
      return null;
  }
}

function tableOf(fields: Entry['fields']): string {
  const [schema = '', name = ''] = JSON.parse(fields.table ?? '[]') as string[];
  return qualified({ schema, name });
}
