import { qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Difference } from '../definitions/compare.ts';
import { describe, type Entry } from '../definitions/entry.ts';
import { grantedOf } from '../definitions/privileges.ts';

/** What brings a changed definition to the target. */
export interface Statements {
  readonly sql: readonly string[];
  /**
   * `cutover`: it refuses or changes rows, or the object is made in the cut-over only. `hand`: there is no statement that is safe.
   */
  readonly when: 'now' | 'cutover' | 'hand';
  /** Of those for the cut-over: what is run at once, so that an old constraint does not refuse new rows. */
  readonly atOnce?: readonly string[];
}

const BY_HAND: Statements = { sql: [], when: 'hand' };
const now = (...sql: string[]): Statements => ({ sql, when: 'now' });
const inCutover = (...sql: string[]): Statements => ({ sql, when: 'cutover' });

/** Kinds of objects whose changes all wait for the cut-over. */
const LATE = new Set(['trigger', 'rule', 'policy', 'constraint', 'event trigger', 'default privileges']);

export const isLate = ({ entry, fields }: Difference): boolean =>
  LATE.has(entry.kind) ||
  fields.some(({ field }) => field === 'row security' || (entry.kind === 'domain' && field === 'not null'));

/** The statements for one difference; all of its fields, or none. `hasChildren`: other tables inherit from its table, or are its partitions. */
export function statementsFor(difference: Difference, hasChildren = false): Statements {
  const { state, entry, fields } = difference;
  if (state === 'missing') return toMake(entry);
  if (state === 'extra') return toDrop(entry);
  const each = fields.map(({ field, source, target }) => toChange(entry, field, source, target, hasChildren));
  if (each.some(({ when }) => when === 'hand')) return BY_HAND;
  // One statement may set several fields.
  const sql = [...new Set(each.flatMap((one) => one.sql))];
  const atOnce = [...new Set(each.flatMap((one) => one.atOnce ?? []))];
  return { sql, atOnce, when: isLate(difference) || each.some(({ when }) => when === 'cutover') ? 'cutover' : 'now' };
}

const ownName = ({ name: [schema = '', name = ''] }: Entry): string => qualified({ schema, name });
const lastName = ({ name }: Entry): string => quoteIdent(name.at(-1) ?? '');
const onTable = (entry: Entry): string => `${lastName(entry)} ON ${ownName(entry)}`;

const ENABLED: Readonly<Record<string, string>> = { no: 'DISABLE', replica: 'ENABLE REPLICA', always: 'ENABLE ALWAYS' };
const enable = (entry: Entry, what: 'TRIGGER' | 'RULE'): string =>
  `ALTER TABLE ${ownName(entry)} ${ENABLED[entry.fields.enabled ?? ''] ?? 'ENABLE'} ${what} ${lastName(entry)}`;

function createView(entry: Entry): string {
  const options = entry.fields.options === undefined ? '' : ` WITH (${entry.fields.options.split('\n').join(', ')})`;
  return `CREATE OR REPLACE VIEW ${ownName(entry)}${options} AS ${(entry.fields.definition ?? '').trim().replace(/;$/, '')}`;
}

function policy(entry: Entry): string[] {
  const { restrictive, command = 'ALL', using, check } = entry.fields;
  const roles = (JSON.parse(entry.fields.roles ?? '[]') as string[]).map((role) =>
    role === 'public' ? 'PUBLIC' : quoteIdent(role.slice('role '.length)),
  );
  return [
    `DROP POLICY IF EXISTS ${onTable(entry)}`,
    `CREATE POLICY ${onTable(entry)}${restrictive === undefined ? '' : ' AS RESTRICTIVE'} FOR ${command} TO ${roles.join(', ')}${
      using === undefined ? '' : ` USING (${using})`
    }${check === undefined ? '' : ` WITH CHECK (${check})`}`,
  ];
}

const constraintOwner = (entry: Entry): string =>
  `ALTER ${entry.fields.type === 'd' ? 'DOMAIN' : 'TABLE'} ${ownName(entry)}`;
const constraint = (entry: Entry): string[] => [
  `${constraintOwner(entry)} DROP CONSTRAINT IF EXISTS ${lastName(entry)}`,
  `${constraintOwner(entry)} ADD CONSTRAINT ${lastName(entry)} ${entry.fields.definition ?? ''}`,
];
/** When a CHECK changes, older rows may violate the new one, and newer rows the old one. */
const isCheck = ({ fields }: Entry): boolean => fields.type === 'c' || fields.type === 'd';
const dropAtOnce = (entry: Entry): readonly string[] => (isCheck(entry) ? constraint(entry).slice(0, 1) : []);
/** What makes a CHECK again that was dropped at once, when the source has it as before; none for others, which were not dropped. */
export const toRestore = (entry: Entry): readonly string[] =>
  entry.kind === 'constraint' && isCheck(entry) ? constraint(entry) : [];
const isCarried = ({ fields }: Entry): boolean => ['c', 'f', 'd'].includes(fields.type ?? '');

const trigger = (entry: Entry): string[] => [
  `DROP TRIGGER IF EXISTS ${onTable(entry)}`,
  entry.fields.definition ?? '',
  ...(entry.fields.enabled === undefined ? [] : [enable(entry, 'TRIGGER')]),
];
/** A view takes no ENABLE, and its rules are always enabled. */
const rule = (entry: Entry, enables: boolean): string[] => [
  (entry.fields.definition ?? '').replace(/^CREATE RULE /, 'CREATE OR REPLACE RULE ').replace(/;\s*$/, ''),
  ...(enables || entry.fields.enabled !== undefined ? [enable(entry, 'RULE')] : []),
];

/** The definition of an index on a partitioned table says ON ONLY: those of the partitions become its parts one by one. */
const attach = (entry: Entry): string[] => {
  const whole = entry.fields['part of'];
  return whole === undefined ? [] : [`ALTER INDEX ${whole} ATTACH PARTITION ${ownName(entry)}`];
};

/** A unique index might refuse changes that replay has not come to yet. */
const index = (entry: Entry): Statements => {
  if (entry.fields.constraint !== undefined) return BY_HAND;
  const sql = [`DROP INDEX IF EXISTS ${ownName(entry)}`, entry.fields.definition ?? '', ...attach(entry)];
  return entry.fields.unique === undefined ? now(...sql) : inCutover(...sql);
};

function toMake(entry: Entry): Statements {
  const also = entry.fields.comment === undefined ? [] : commentOn(entry);
  switch (entry.kind) {
    case 'function':
    case 'procedure':
      return now((entry.fields.definition ?? '').trim(), ...also);
    case 'view':
      return now(createView(entry), ...also);
    case 'index':
      return index(entry);
    case 'statistics object':
      return now(entry.fields.definition ?? '', ...also);
    case 'schema':
      return now(`CREATE SCHEMA ${lastName(entry)}`, ...also);
    case 'enum type':
      return now(
        `CREATE TYPE ${ownName(entry)} AS ENUM (${labelsOf(entry.fields.labels ?? null)
          .map(quoteLiteral)
          .join(', ')})`,
        ...also,
      );
    case 'policy':
      return inCutover(...policy(entry), ...also);
    case 'trigger':
      return inCutover(...trigger(entry), ...also);
    case 'rule':
      return inCutover(...rule(entry, false), ...also);
    case 'constraint':
      // A primary or unique key is also an index, and perhaps an identity.
      return isCarried(entry) ? inCutover(...constraint(entry), ...also) : BY_HAND;
    default:
      return BY_HAND;
  }
}

/** Drops objects that hold no rows, never with CASCADE. */
function toDrop(entry: Entry): Statements {
  switch (entry.kind) {
    case 'trigger':
    case 'rule':
    case 'policy':
      return inCutover(`DROP ${entry.kind.toUpperCase()} IF EXISTS ${onTable(entry)}`);
    case 'constraint':
      return isCarried(entry) ? { ...inCutover(...constraint(entry).slice(0, 1)), atOnce: dropAtOnce(entry) } : BY_HAND;
    case 'index':
      return entry.fields.constraint === undefined ? now(`DROP INDEX IF EXISTS ${ownName(entry)}`) : BY_HAND;
    case 'statistics object':
      return now(`DROP STATISTICS IF EXISTS ${ownName(entry)}`);
    case 'view':
      return now(`DROP VIEW IF EXISTS ${ownName(entry)}`);
    case 'function':
    case 'procedure':
      return now(`DROP ${entry.kind.toUpperCase()} IF EXISTS ${ownName(entry)}(${entry.name[2] ?? ''})`);
    default:
      return BY_HAND;
  }
}

const labelsOf = (field: string | null): string[] => JSON.parse(field ?? '[]') as string[];

/** Labels that were added, each behind the one before it; null: others were renamed, or are gone. */
function addLabels(entry: Entry, source: string | null, target: string | null): Statements {
  const [there, here] = [labelsOf(source), labelsOf(target)];
  const old = there.filter((label) => here.includes(label));
  if (old.length !== here.length || old.some((label, at) => label !== here[at])) return BY_HAND;
  return now(
    ...there.flatMap((label, at) => {
      if (here.includes(label)) return [];
      const next = there.slice(at + 1).find((one) => here.includes(one));
      const place =
        at > 0
          ? ` AFTER ${quoteLiteral(there[at - 1] ?? '')}`
          : next === undefined
            ? ''
            : ` BEFORE ${quoteLiteral(next)}`;
      return [`ALTER TYPE ${ownName(entry)} ADD VALUE IF NOT EXISTS ${quoteLiteral(label)}${place}`];
    }),
  );
}

function toChange(
  entry: Entry,
  field: string,
  source: string | null,
  target: string | null,
  hasChildren: boolean,
): Statements {
  if (field === 'comment') return nameInSql(entry) === null ? BY_HAND : now(...commentOn(entry));
  if (field === 'privileges') return grants(entry, source, target);
  switch (entry.kind) {
    case 'function':
    case 'procedure':
      return field === 'definition' ? now((source ?? '').trim()) : BY_HAND;
    case 'view':
      if (field === 'definition') return now(createView(entry));
      return field === 'options' ? setOptions(`ALTER VIEW ${ownName(entry)}`, source, target) : BY_HAND;
    case 'enum type':
      return field === 'labels' ? addLabels(entry, source, target) : BY_HAND;
    case 'column':
      return ofColumn(entry, field, source, target, hasChildren);
    case 'policy':
      return inCutover(...policy(entry));
    case 'trigger':
      return field === 'enabled' && entry.fields.definition === undefined
        ? inCutover(enable(entry, 'TRIGGER'))
        : inCutover(...trigger(entry));
    case 'rule':
      return inCutover(...rule(entry, field === 'enabled'));
    case 'constraint':
      return field === 'definition' && isCarried(entry)
        ? { ...inCutover(...constraint(entry)), atOnce: dropAtOnce(entry) }
        : BY_HAND;
    case 'index':
      if (field === 'part of' && target === null) return now(...attach(entry));
      return field === 'definition' ? index(entry) : BY_HAND;
    case 'statistics object':
      if (field === 'definition') return now(`DROP STATISTICS IF EXISTS ${ownName(entry)}`, source ?? '');
      return now(`ALTER STATISTICS ${ownName(entry)} SET STATISTICS ${source ?? '-1'}`);
    case 'domain':
      if (field === 'default')
        return now(`ALTER DOMAIN ${ownName(entry)} ${source === null ? 'DROP DEFAULT' : `SET DEFAULT ${source}`}`);
      return field === 'not null'
        ? inCutover(`ALTER DOMAIN ${ownName(entry)} ${source === null ? 'DROP' : 'SET'} NOT NULL`)
        : BY_HAND;
    case 'table':
      if (field === 'row security') return inCutover(...rowSecurity(entry));
      return field === 'options' ? setOptions(`ALTER TABLE ${ownName(entry)}`, source, target) : BY_HAND;
    case 'sequence':
      return sequence(entry, field);
    default:
      return BY_HAND;
  }
}

function rowSecurity(entry: Entry): string[] {
  const on = (entry.fields['row security'] ?? '').split(', ');
  return [
    `ALTER TABLE ${ownName(entry)} ${on.includes('enabled') ? 'ENABLE' : 'DISABLE'} ROW LEVEL SECURITY`,
    `ALTER TABLE ${ownName(entry)} ${on.includes('forced') ? 'FORCE' : 'NO FORCE'} ROW LEVEL SECURITY`,
  ];
}

/** Options as they stand in the catalog, `name=value` a line; names are plain words. */
function setOptions(alter: string, source: string | null, target: string | null): Statements {
  const read = (text: string | null) =>
    new Map(
      (text ?? '')
        .split('\n')
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  const [there, here] = [read(source), read(target)];
  const set = [...there]
    .filter(([name, value]) => here.get(name) !== value)
    .map(([name, value]) => `${name} = ${quoteLiteral(value).trim()}`);
  const reset = [...here.keys()].filter((name) => !there.has(name));
  return now(
    ...(set.length > 0 ? [`${alter} SET (${set.join(', ')})`] : []),
    ...(reset.length > 0 ? [`${alter} RESET (${reset.join(', ')})`] : []),
  );
}

/** Children are changed by statements of their own: the source's may differ. A hypertable has none here, and refuses ONLY. */
function ofColumn(
  entry: Entry,
  field: string,
  source: string | null,
  target: string | null,
  hasChildren: boolean,
): Statements {
  const alter = `ALTER TABLE ${hasChildren ? 'ONLY ' : ''}${ownName(entry)} ALTER COLUMN ${lastName(entry)}`;
  switch (field) {
    case 'default':
      if (entry.fields.generated !== undefined) return BY_HAND;
      return now(`${alter} ${source === null ? 'DROP DEFAULT' : `SET DEFAULT ${source}`}`);
    case 'storage':
      return source === null ? BY_HAND : now(`${alter} SET STORAGE ${source}`);
    case 'compression':
      return now(`${alter} SET COMPRESSION ${source ?? 'default'}`);
    case 'statistics target':
      return now(`${alter} SET STATISTICS ${source ?? '-1'}`);
    case 'options':
      return setOptions(alter, source, target);
    default:
      return BY_HAND;
  }
}

function sequence(entry: Entry, field: string): Statements {
  const { fields } = entry;
  const alter = `ALTER SEQUENCE ${ownName(entry)}`;
  switch (field) {
    case 'type':
    case 'start':
    case 'increment':
    case 'minimum':
    case 'maximum':
    case 'cache':
    case 'cycle':
      return now(
        `${alter} AS ${fields.type ?? 'bigint'} INCREMENT BY ${fields.increment ?? '1'} MINVALUE ${fields.minimum ?? '1'} MAXVALUE ${fields.maximum ?? ''} START WITH ${
          fields.start ?? '1'
        } CACHE ${fields.cache ?? '1'} ${fields.cycle === undefined ? 'NO CYCLE' : 'CYCLE'}`,
      );
    case 'owned by':
      return now(`${alter} OWNED BY ${fields['owned by'] ?? 'NONE'}`);
    default:
      return BY_HAND;
  }
}

/** How COMMENT, GRANT and DROP name an object; null: not known here. */
function nameInSql(entry: Entry): string | null {
  const { kind, name } = entry;
  switch (kind) {
    case 'column':
      return `COLUMN ${ownName(entry)}.${lastName(entry)}`;
    case 'constraint':
      return `CONSTRAINT ${lastName(entry)} ON ${entry.fields.type === 'd' ? 'DOMAIN ' : ''}${ownName(entry)}`;
    case 'trigger':
    case 'rule':
    case 'policy':
      return `${kind.toUpperCase()} ${onTable(entry)}`;
    case 'function':
    case 'procedure':
    case 'aggregate':
      return `${kind.toUpperCase()} ${ownName(entry)}(${name[2] || (kind === 'aggregate' ? '*' : '')})`;
    case 'enum type':
    case 'composite type':
    case 'range type':
      return `TYPE ${ownName(entry)}`;
    case 'statistics object':
      return `STATISTICS ${ownName(entry)}`;
    case 'schema':
    case 'server':
      return `${kind.toUpperCase()} ${lastName(entry)}`;
    case 'table':
    case 'view':
    case 'materialized view':
    case 'foreign table':
    case 'sequence':
    case 'index':
    case 'domain':
    case 'collation':
    case 'text search configuration':
    case 'text search dictionary':
      return `${kind.toUpperCase()} ${ownName(entry)}`;
    default:
      return null;
  }
}

function commentOn(entry: Entry): string[] {
  const name = nameInSql(entry);
  const { comment } = entry.fields;
  return name === null
    ? []
    : [`COMMENT ON ${name} IS ${comment === undefined ? 'NULL' : quoteLiteral(comment).trim()}`];
}

/** What GRANT names a relation, a function, a type. */
function grantable(entry: Entry): string | null {
  const name = nameInSql(entry);
  if (name === null || entry.kind === 'column') return null;
  if (['view', 'materialized view', 'foreign table'].includes(entry.kind)) return `TABLE ${ownName(entry)}`;
  if (entry.kind === 'aggregate') return null;
  return entry.kind === 'server' ? `FOREIGN ${name}` : name;
}

/** Rights of the owner stay: we write with them. */
function grants(entry: Entry, source: string | null, target: string | null): Statements {
  const on = grantable(entry);
  const [there, here] = [new Map(grantedOf(source)), new Map(grantedOf(target))];
  if (on === null || JSON.stringify(there.get('owner')) !== JSON.stringify(here.get('owner'))) return BY_HAND;
  const whom = (grantee: string) => (grantee === 'public' ? 'PUBLIC' : quoteIdent(grantee.slice('role '.length)));
  const sql: string[] = [];
  for (const grantee of new Set([...there.keys(), ...here.keys()])) {
    const [wanted, has] = [there.get(grantee) ?? [], here.get(grantee) ?? []];
    const gone = has.filter((one) => !wanted.includes(one)).map((one) => one.replace('*', ''));
    const granted = wanted.filter((one) => !has.includes(one) || gone.includes(one.replace('*', '')));
    if (gone.length > 0) sql.push(`REVOKE ${gone.join(', ')} ON ${on} FROM ${whom(grantee)}`);
    const grant = (names: readonly string[], option: string) => {
      if (names.length > 0) sql.push(`GRANT ${names.join(', ')} ON ${on} TO ${whom(grantee)}${option}`);
    };
    grant(
      granted.filter((one) => !one.endsWith('*')),
      '',
    );
    grant(
      granted.filter((one) => one.endsWith('*')).map((one) => one.slice(0, -1)),
      ' WITH GRANT OPTION',
    );
  }
  return now(...sql);
}

/** What happened to an object, in a few words. */
export function happened({ state, entry, fields }: Difference): string {
  if (state === 'missing') return `${describe(entry)} was created`;
  if (state === 'extra') return `${describe(entry)} was dropped`;
  return `${describe(entry)} was changed: ${fields.map(({ field }) => field).join(', ')}`;
}
