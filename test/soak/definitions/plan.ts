import { quoteIdent, quoteLiteral } from '../../../src/postgres/identifiers.ts';
import { chanceOf } from '../generator/chance.ts';
import { StrangeDatabase } from './database.ts';
import { OBJECT_KINDS } from './kinds-of-objects.ts';
import { TABLE_KINDS } from './kinds-of-tables.ts';
import { ODD_SETTINGS } from './settings.ts';
import { ENCODINGS, type Encoding } from './strange-names.ts';

export const KINDS = { ...TABLE_KINDS, ...OBJECT_KINDS };
export type Kind = keyof typeof KINDS;

/** A database and how it is migrated, from a seed alone. */
export interface DatabasePlan {
  readonly seed: number;
  readonly encoding: Encoding;
  readonly kinds: readonly string[];
  /** Run by the owner of the database, in this order. */
  readonly statements: readonly string[];
  /** Run by the superuser on both servers, with the name of the database: what is set for whoever connects. */
  readonly settings: (database: string) => readonly string[];
  /** The settings of the target: nobody has chosen them for this migration. */
  readonly targetSettings: (database: string) => readonly string[];
  /** Writes of the application, in order; each time with another number. */
  readonly changes: (time: number) => readonly string[];
  readonly args: readonly string[];
  readonly replicaRole: boolean;
  readonly roles: readonly string[];
}

/** Before all others: kinds that stand on extensions need them. */
const BEGINNING = ['CREATE EXTENSION btree_gist SCHEMA public'];

export function planDatabase(seed: number): DatabasePlan {
  const chance = chanceOf(seed, 'database');
  const encoding = chance.percent(60) ? 'UTF8' : chance.oneOf(Object.keys(ENCODINGS) as Encoding[]);
  const db = new StrangeDatabase(chanceOf(seed, 'definitions'), encoding);
  db.add(...BEGINNING);
  const names = Object.keys(KINDS);
  const count = chance.between(6, 22);
  const first = ['schema', 'enum', 'role'].filter(() => chance.percent(50));
  const kinds = [...first, ...Array.from({ length: count }, () => chance.oneOf(names))];
  for (const kind of kinds) KINDS[kind]?.(db);
  const odd = (purpose: string) => {
    const drawn = chanceOf(seed, purpose);
    const set = drawn.percent(60) ? drawn.some(Object.entries(ODD_SETTINGS), drawn.between(1, 6)) : [];
    return (database: string) =>
      set.map(([name, value]) => {
        const to = name === 'search_path' ? value : quoteLiteral(value);
        return `ALTER DATABASE ${quoteIdent(database)} SET ${name} TO ${to}`;
      });
  };
  // Its text comes in the encoding of the database.
  const plugin = encoding === 'UTF8' ? chance.weighted({ pgoutput: 3, test_decoding: 2 }) : 'pgoutput';
  return {
    seed,
    encoding,
    kinds: [...new Set(kinds)],
    statements: db.statements,
    settings: odd('settings'),
    targetSettings: odd('settings of the target'),
    changes: (time) => db.changes.map((statement) => statement.replaceAll('$n', String(time))),
    args: [
      '--plugin',
      plugin,
      '--table-jobs',
      String(chance.between(1, 3)),
      ...(chance.percent(30) ? ['--split-tables-larger-than', '8kB'] : []),
    ],
    replicaRole: chance.percent(70),
    roles: db.roles,
  };
}
