import { type IncompatibleObject, mayBeLeftOut } from '../../engine/timescale/incompatible-objects.ts';
import { displayIdent, displayName } from '../../postgres/identifiers.ts';
import { indexName } from '../identity/statements.ts';
import { INTEGERS, type TableFacts, TIMES } from './table-facts.ts';

/** Why a table can't be the hypertable that is wanted, or not without something that must be known. */
export interface Obstacle {
  readonly relation: string;
  readonly problem: string;
  readonly remedy: string;
  /** False: it is only told. */
  readonly blocks: boolean;
  /** The key or index that is left out on the target when that is asked for; null: nothing would be. */
  readonly leavesOut: string | null;
  /** Another replica identity is its remedy. */
  readonly identifies: boolean;
}

const DAY = 86_400_000_000n;
const SKIP = '--skip-hypertable-incompatible-objects (o in the wizard)';

/** What hinders a table by itself; nothing of the rest is looked at while the table or the column is not there. */
export function obstaclesOfTable(facts: TableFacts): Obstacle[] {
  const { wanted, table, column, hashColumn, interval, rows } = facts;
  const relation = displayName(wanted);
  const name = displayIdent(wanted.column);
  const say =
    (blocks: boolean) =>
    (problem: string, remedy: string): Obstacle => ({
      relation,
      problem,
      remedy,
      blocks,
      leavesOut: null,
      identifies: false,
    });
  const [block, tell] = [say(true), say(false)];
  if (!table)
    return [
      block('there is no such table on the source', 'Write it as schema.table, in double quotes where SQL needs them.'),
    ];
  const unfit = unfitKind(table);
  if (unfit)
    return [
      block(
        unfit,
        'Leave it as it is (without --hypertable), or copy its rows into an ordinary table on the source first.',
      ),
    ];
  if (!column) return [block(`it has no column ${name}`, 'Name another column.')];
  const found: Obstacle[] = [];
  if (column.generated) {
    found.push(
      block(
        `${name} is a generated column`,
        `Partition by another column, or make it an ordinary one on the source: ALTER TABLE ${relation} ALTER COLUMN ${name} DROP EXPRESSION; from then on the application fills it.`,
      ),
    );
  }
  if (!TIMES.includes(column.type) && !INTEGERS.includes(column.type)) {
    found.push(
      block(
        `${name} is of type ${column.type}, neither a time nor an integer`,
        `Partition by another column, or change its type on the source: ALTER TABLE ${relation} ALTER COLUMN ${name} TYPE timestamptz USING …;`,
      ),
    );
  } else found.push(...wrongInterval({ wanted, type: column.type, interval }, block));
  if (wanted.hash && !hashColumn) {
    found.push(
      block(`it has no column ${displayIdent(wanted.hash.column)}`, 'Name another column after hash:, or none.'),
    );
  }
  found.push(...wrongCompression(facts, block));
  const setNotNull = `ALTER TABLE ${relation} ALTER COLUMN ${name} SET NOT NULL;`;
  if (rows?.nulls) {
    found.push(
      block(
        `rows have NULL in ${name}, and belong to no chunk`,
        `On the source: UPDATE ${relation} SET ${name} = … WHERE ${name} IS NULL; ${setNotNull} Or delete those rows.`,
      ),
    );
  } else if (!column.notNull) {
    found.push(
      tell(
        `${name} may be NULL on the source${rows ? '' : ' (whether it is anywhere could not be found out in time)'}, and may not on the target`,
        `A row with NULL would damage the table's copy. On the source: ${setNotNull}`,
      ),
    );
  }
  if (rows?.beginning) {
    found.push(
      block(
        `rows have -infinity in ${name}, and TimescaleDB has no chunk for that`,
        `On the source: UPDATE ${relation} SET ${name} = … WHERE ${name} = '-infinity';`,
      ),
    );
  }
  return found;
}

function wrongCompression(
  { wanted, column, compress: facts }: TableFacts,
  block: (problem: string, remedy: string) => Obstacle,
): Obstacle[] {
  const { compress } = wanted;
  if (!compress || !facts || !column) return [];
  const name = displayIdent(wanted.column);
  if (INTEGERS.includes(column.type)) {
    return [
      block(
        `${name} is a number, and a compression policy has to know which one is now`,
        'Leave compress: away; on the target set_integer_now_func and add_compression_policy do it after the cut-over.',
      ),
    ];
  }
  const digits = /^\s*\d+\s*$/.test(compress.after);
  const segments = compress.segmentby.map(displayIdent);
  return [
    ...(digits || facts.after === null || facts.after <= 0n
      ? [block(`${compress.after} is no interval of time`, `Write it as compress:30 days.`)]
      : []),
    ...(facts.unknown.length > 0
      ? [
          block(
            `it has no column ${facts.unknown.map(displayIdent).join(', ')}`,
            'Name other columns after segmentby=.',
          ),
        ]
      : []),
    ...(segments.includes(name)
      ? [block(`${name} orders the rows, and can not be a segment as well`, 'Leave it away after segmentby=.')]
      : []),
  ];
}

function unfitKind({ kind, unlogged, partition, inherits }: NonNullable<TableFacts['table']>): string | null {
  if (kind === 'p') return 'it is partitioned declaratively, and a hypertable can not be';
  if (partition) return 'it is a partition of another table';
  if (kind !== 'r') return 'it is not a table';
  if (inherits) return 'it takes part in inheritance, which hypertables use for their chunks';
  return unlogged ? 'it is unlogged: the stream does not show its rows' : null;
}

function wrongInterval(
  { wanted, type, interval }: Pick<TableFacts, 'wanted' | 'interval'> & { readonly type: string },
  block: (problem: string, remedy: string) => Obstacle,
): Obstacle[] {
  const example = (text: string) => `Write it as ${displayName(wanted)}=${displayIdent(wanted.column)},${text}.`;
  const digits = /^\s*\d+\s*$/.test(wanted.interval ?? '');
  if (INTEGERS.includes(type)) {
    const needs = `${displayIdent(wanted.column)} is a number, and needs an interval that is one`;
    return digits && interval !== null && interval > 0n ? [] : [block(needs, example('100000'))];
  }
  if (digits || interval === null || interval <= 0n) {
    return [block(`${wanted.interval} is no interval of time`, example('7 days'))];
  }
  if (type === 'date' && interval % DAY !== 0n) {
    return [
      block(
        `${wanted.interval} is not a whole number of days, and ${displayIdent(wanted.column)} is a date`,
        example('7 days'),
      ),
    ];
  }
  return [];
}

/** What hinders by an object of the table that a hypertable can't have. `skip`: the operator has said that it may be left out. */
export function obstacleOfObject(object: IncompatibleObject, { wanted, column }: TableFacts, skip: boolean): Obstacle {
  const relation = displayName({ schema: object.schema, name: object.table });
  const name = displayIdent(object.name);
  const leaves = skip && mayBeLeftOut(object);
  const say = (problem: string, remedy: string): Obstacle => ({
    relation,
    problem: leaves ? `${problem}: it is left out` : problem,
    remedy,
    blocks: !leaves,
    leavesOut: mayBeLeftOut(object) ? `${object.kind} ${name}` : null,
    identifies: object.identifies,
  });
  switch (object.kind) {
    case 'foreign key': {
      const on = object.referring ?? '';
      return say(
        `${name} of ${on} refers to it, which a hypertable does not allow (from another hypertable, to columns without all that partition it, or before TimescaleDB 2.16)`,
        `On the source: ALTER TABLE ${on} DROP CONSTRAINT ${name}; or leave it out on the target with ${SKIP}.`,
      );
    }
    case 'check':
      return say(
        `the check ${name} is NO INHERIT, and chunks inherit`,
        `On the source: ALTER TABLE ${relation} DROP CONSTRAINT ${name}; and add it again without NO INHERIT.`,
      );
    case 'rule':
      return say(`it has the rule ${name}`, `Use a trigger instead; on the source: DROP RULE ${name} ON ${relation};`);
    case 'trigger':
      return say(
        `the row trigger ${name} has a transition table`,
        `Make it a statement trigger, or on the source: DROP TRIGGER ${name} ON ${relation};`,
      );
    default:
      return uniqueObstacle(object, { wanted, column }, { relation, name, leaves, say });
  }
}

function uniqueObstacle(
  object: IncompatibleObject,
  { wanted, column }: Pick<TableFacts, 'wanted' | 'column'>,
  as: { relation: string; name: string; leaves: boolean; say: (problem: string, remedy: string) => Obstacle },
): Obstacle {
  const { relation, name, leaves } = as;
  const partitions = [wanted.column, ...(wanted.hash ? [wanted.hash.column] : [])];
  const lackingNames = partitions.filter((one) => !object.columns.includes(one));
  const lacking = lackingNames.map(displayIdent);
  const problem = `the ${object.kind} ${name} (${object.columns.map(displayIdent).join(', ')}) does not have ${lacking.join(' and ')}, so that no chunk could know whether a row is unique`;
  if (object.kind === 'exclusion constraint' || object.columns.length === 0) {
    return as.say(
      problem,
      `Leave it out on the target with ${SKIP}, or on the source: ALTER TABLE ${relation} DROP CONSTRAINT ${name};`,
    );
  }
  const columns = [...object.columns.map(displayIdent), ...lacking];
  const index = displayIdent(
    indexName({ schema: object.schema, name: object.table }, [...object.columns, ...lackingNames]),
  );
  const wider = [
    ...(column?.notNull === false
      ? [`ALTER TABLE ${relation} ALTER COLUMN ${displayIdent(wanted.column)} SET NOT NULL;`]
      : []),
    `CREATE UNIQUE INDEX CONCURRENTLY ${index} ON ${relation} (${columns.join(', ')});`,
    ...(object.identifies ? [`ALTER TABLE ${relation} REPLICA IDENTITY USING INDEX ${index};`] : []),
  ];
  const key = object.columns.map(displayIdent).join(', ');
  const out = leaves ? [] : [`On the target leave ${name} out with ${SKIP}.`];
  const remedy = object.identifies
    ? [
        `On the source: ${wider.join(' ')}`,
        'That index comes to the target with the schema.',
        ...out,
        `As it is ${name} says which row an UPDATE or DELETE means, and the target would search all chunks for it.`,
      ]
    : object.widened
      ? [
          ...out,
          `Nothing there keeps (${key}) unique then; (${columns.join(', ')}) is, by an index that the source has.`,
        ]
      : [
          ...out,
          `Nothing there keeps (${key}) unique then; (${columns.join(', ')}) can be, with an index on the source: ${wider.join(' ')}`,
        ];
  return as.say(problem, remedy.join(' '));
}
