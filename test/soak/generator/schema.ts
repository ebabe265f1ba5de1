import type { Chance } from './chance.ts';
import { makeTable } from './make-table.ts';
import { Names, SCHEMAS } from './names.ts';
import { SHAPES, type Shape, type Table } from './table.ts';
import { TYPE_STATEMENTS } from './value-types.ts';

/** The database of a round: pure, the same for the same seed. */
export interface Schema {
  readonly statements: readonly string[];
  readonly tables: readonly Table[];
  readonly sequences: readonly string[];
  readonly materializedViews: readonly string[];
  /** Shapes and features that it has, each once. */
  readonly features: readonly string[];
}

export interface SchemaOptions {
  /** Tables. */
  readonly count: number;
  /** No column of a type that has NaN: wal2json before 2.6 writes it as null, and is refused with such columns. */
  readonly withoutNaN: boolean;
}

const WEIGHTS: Readonly<Record<Shape, number>> = {
  'one key': 8,
  'composite key': 5,
  'index as identity': 3,
  'full without key': 4,
  'full with key': 3,
  'deferrable key': 2,
  'no identity': 1,
  'range partitions': 3,
  'list partitions': 2,
  'hash partitions': 2,
  inherited: 3,
  unlogged: 2,
  'no columns': 1,
  'identity always': 3,
  'identity by default': 3,
};

/** Of so many tables; SHAPES in random order, the first one always a table with a key that others can refer to. */
export function makeSchema(chance: Chance, { count, withoutNaN }: SchemaOptions): Schema {
  const names = new Names(chance);
  const statements = [...TYPE_STATEMENTS, `CREATE SCHEMA ${SCHEMAS[1]}`];
  const tables: Table[] = [];
  const features = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const shape: Shape = index === 0 ? 'one key' : chance.weighted(WEIGHTS);
    const made = makeTable({ shape, chance, names, earlier: tables, withoutNaN });
    statements.push(...made.statements);
    tables.push(made.table);
    for (const feature of [shape, ...made.features]) features.add(feature);
  }
  const logged = tables.filter((table) => table.address.length > 0);
  statements.push(
    'CREATE TABLE soak.log (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, at timestamptz DEFAULT now())',
  );
  statements.push(`CREATE FUNCTION soak.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO soak.log (what) VALUES (TG_TABLE_NAME || ' ' || TG_OP); RETURN NULL; END $$`);
  for (const table of chance.some(logged, chance.between(0, 2))) {
    const when = chance.oneOf(['INSERT OR UPDATE OR DELETE', 'INSERT', 'UPDATE']);
    statements.push(
      `CREATE TRIGGER ${names.next('tr')} AFTER ${when} ON ${table.name} FOR EACH ROW EXECUTE FUNCTION soak.note()`,
    );
    features.add('trigger that writes');
  }
  for (const table of chance.some(logged, 1)) {
    statements.push(`CREATE VIEW soak.${names.next('v')} AS SELECT * FROM ${table.name}`);
    features.add('view');
  }
  const materializedViews: string[] = [];
  if (chance.percent(50)) {
    const view = `soak.${names.next('mv')}`;
    statements.push(`CREATE MATERIALIZED VIEW ${view} AS SELECT count(*) AS n FROM ${tables[0]?.name}`);
    materializedViews.push(view);
    features.add('materialized view');
  }
  const sequences = Array.from({ length: chance.between(1, 3) }, () => `soak.${names.next('seq')}`);
  for (const sequence of sequences) {
    statements.push(
      `CREATE SEQUENCE ${sequence} ${chance.oneOf(['', 'INCREMENT 5 CACHE 10', 'INCREMENT -2', 'MAXVALUE 100 CYCLE', 'AS smallint CYCLE'])}`,
    );
  }
  return { statements, tables, sequences, materializedViews, features: [...features].sort() };
}

export { SHAPES };
