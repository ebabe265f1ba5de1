import { displayIdent } from '../../postgres/identifiers.ts';
import { exactPattern } from '../../postgres/patterns.ts';
import { counted, formatBytes } from '../outcome.ts';
import { changesInWords, isFullInVain, mustDecide } from './changes-seen.ts';
import { formatColumns, proposedColumns } from './columns.ts';
import { indexName, statementsOf } from './statements.ts';
import type { IdentityChange, IdentityChoice, TableWithoutIdentity } from './table.ts';

type Row = Omit<TableWithoutIdentity, 'choices'>;

/** An index that PostgreSQL takes as identity, with its columns in order. */
export interface ViableIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

const AS_KEY = 'UPDATE and DELETE write its columns to the WAL, like those of a primary key.';
/** A partition does not get the identity of its siblings; UPDATE and DELETE of those are published by their own names. */
const LATER_PARTITIONS =
  'A partition that is made during the migration has none: its UPDATEs and DELETEs do not reach the target.';

const onEach = ({ tables, partitions }: Row): string =>
  partitions > 0 ? ` on each of ${counted(tables.length, 'partition')}` : '';
const sentences = (...parts: readonly (string | false)[]): string => parts.filter(Boolean).join(' ');

/** Why the identity that a table seems to have is none; null: it has none at all. */
export function reasonOf(row: Row): string | null {
  const { notSent = [], virtual = [] } = row;
  if (notSent.length > 0) {
    return `its key has the generated ${notSent.length === 1 ? 'column' : 'columns'} ${formatColumns(notSent)}, which the stream does not send`;
  }
  if (!isFullInVain(row)) return null;
  return `it has the virtual generated ${virtual.length === 1 ? 'column' : 'columns'} ${formatColumns(virtual)}, which FULL would have to send`;
}

const whyNone = (row: Row): string | false => {
  const reason = reasonOf(row);
  return reason !== null && `It has no usable identity: ${reason}.`;
};

function choice(
  row: Row,
  kind: IdentityChoice['kind'],
  words: { label: string; cost: string },
  changes: readonly IdentityChange[] = [],
): IdentityChoice {
  const { relation } = row;
  const { label } = words;
  const cost = sentences(whyNone(row), words.cost);
  return { relation, kind, label, cost, changes, sql: changes.flatMap(statementsOf), exclude: null };
}

/** One choice for each set of columns that has an index on all tables; else, if each has some index, those. */
function indexChoices(row: Row, viable: readonly (readonly ViableIndex[])[]): IdentityChoice[] {
  const later = row.partitions > 0 && LATER_PARTITIONS;
  const by = (label: string, indexes: readonly ViableIndex[]): IdentityChoice =>
    choice(
      row,
      'index',
      { label, cost: sentences(AS_KEY, later) },
      row.tables.map((table, at) => ({ table, create: null, index: indexes[at]?.name ?? '' })),
    );
  const [first = [], ...others] = viable;
  const same = first.flatMap((index) => {
    const key = index.columns.join('\0');
    const rest = others.map((indexes) => indexes.find(({ columns }) => columns.join('\0') === key));
    const all = [index, ...rest].flatMap((one) => one ?? []);
    if (all.length < viable.length) return [];
    const columns = formatColumns(index.columns);
    const name =
      row.partitions > 0 ? `unique index (${columns})` : `unique index ${displayIdent(index.name)} (${columns})`;
    return [by(`${name}${onEach(row)}`, all)];
  });
  if (same.length > 0) return same;
  const bests = viable.flatMap(([best]) => best ?? []);
  return bests.length === viable.length ? [by(`a unique index${onEach(row)}`, bests)] : [];
}

/** A unique index on these columns, made without blocking writers; without columns the operator has to name them first. */
export function createIndexChoice(row: Row, columns: readonly string[]): IdentityChoice {
  const named = formatColumns(columns);
  if (columns.length === 0) {
    return choice(row, 'create-index', {
      label: `a new unique index${onEach(row)}: name its columns`,
      cost: 'Which columns together are different in every row? Nothing says so by itself: name them (key e).',
    });
  }
  const cost = sentences(
    `No two rows may have the same ${named} from then on: the application gets an error.`,
    'The build blocks nobody; it reads the whole table, waits for open transactions, and fails if values repeat.',
    row.partitions > 0 && LATER_PARTITIONS,
    row.partitions > 0 &&
      'The partitioned table itself cannot get one without blocking writers, so each partition gets its own.',
  );
  return choice(
    row,
    'create-index',
    { label: `new unique index on (${named})${onEach(row)}`, cost },
    row.tables.map((table) => ({ table, create: columns, index: indexName(table, columns) })),
  );
}

function fullChoice(row: Row): IdentityChoice {
  const cost = sentences(
    row.partitions > 0 && LATER_PARTITIONS,
    `Every UPDATE and DELETE (${changesInWords(row)}) writes the whole old row to the WAL,`,
    `and the target looks for it by all columns${row.bytes > 0 ? ` in ${formatBytes(row.bytes)}` : ''}.`,
    row.updatesDeletes === 0 && 'As long as there are none, it costs nothing.',
  );
  return choice(
    row,
    'full',
    { label: `REPLICA IDENTITY FULL${onEach(row)}`, cost },
    row.tables.map((table) => ({ table, create: null, index: null })),
  );
}

const insertOnlyChoice = (row: Row): IdentityChoice =>
  choice(row, 'insert-only', {
    label: 'inserts only',
    cost: sentences(
      'Nothing changes on the source. You promise: until the cut-over no row of it is updated or deleted;',
      'one that is stays as it was on the target.',
      ...row.cascades.map(
        ({ parent, actions }) =>
          `The server itself changes its rows with those of ${parent} (its foreign key is ${actions.join(' and ')}): so none there, either, or the cut-over stops at that key.`,
      ),
      `UPDATE and DELETE so far: ${changesInWords(row)}.`,
    ),
  });

const leaveOutChoice = (row: Row): IdentityChoice => ({
  ...choice(row, 'leave-out', {
    label: 'leave the table out',
    cost: 'Nothing changes on the source. The target gets neither the table nor its rows; views and foreign keys that need it cannot be made there.',
  }),
  exclude: exactPattern(row),
});

/**
 * What can identify the rows of a table that becomes a hypertable: an index that has the columns by which it is partitioned, or
 * FULL. `key`: the columns of its present identity; `partitions`: those that it lacks.
 */
export function choicesForHypertable(
  row: Row,
  viable: readonly ViableIndex[],
  { key, partitions }: { readonly key: readonly string[]; readonly partitions: readonly string[] },
): IdentityChoice[] {
  const wide = viable.filter(({ columns }) => partitions.every((column) => columns.includes(column)));
  const columns = [...new Set([...key, ...partitions])];
  const notNull = columns.every((name) => row.columns.some((column) => column.name === name && column.notNull));
  const mayCreate = wide.length === 0 && key.length > 0 && notNull;
  const full = fullChoice(row);
  if (notNull || wide.length > 0) {
    return [...indexChoices(row, [wide]), ...(mayCreate ? [createIndexChoice(row, columns)] : []), full];
  }
  const cost = sentences(
    `A unique index on (${formatColumns(columns)}) is offered once all of them are NOT NULL.`,
    full.cost,
  );
  return [{ ...full, cost }];
}

/** Below this FULL is cheap: the target finds a row at once whatever it looks for. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** Values that do not repeat among so few rows say little. */
const TELLING_ROWS = 1000;

/** By the facts: what is updated, how often, how big it is, and what an index costs the application. */
function recommended(row: Row, choices: readonly IdentityChoice[]): IdentityChoice['kind'] {
  if (choices.some(({ kind }) => kind === 'index')) return 'index';
  if (row.updatesDeletes === 0) return mustDecide(row) ? 'full' : 'insert-only';
  const evidence = Math.max(0, ...row.columns.filter(({ notNull }) => notNull).map((column) => column.evidence));
  const sure = evidence >= 3 || (evidence > 0 && row.rows >= TELLING_ROWS);
  return sure && row.bytes > SMALL_BYTES ? 'create-index' : 'full';
}

/** What can be done about a table, the recommended first. `viable`: the usable indexes of each of `row.tables`, best first. */
export function choicesFor(row: Row, viable: readonly (readonly ViableIndex[])[]): IdentityChoice[] {
  const indexes = indexChoices(row, viable);
  const mayCreate = indexes.length === 0 && row.columns.some(({ notNull }) => notNull);
  const all = [
    ...indexes,
    ...(mayCreate ? [createIndexChoice(row, proposedColumns(row.columns))] : []),
    ...((row.virtual ?? []).length === 0 ? [fullChoice(row)] : []),
    insertOnlyChoice(row),
    leaveOutChoice(row),
  ];
  const kind = recommended(row, all);
  const first = all.find((one) => one.kind === kind);
  return first === undefined ? all : [first, ...all.filter((one) => one !== first)];
}
