import type { Chance } from './chance.ts';
import type { Schema } from './schema.ts';
import {
  addressed,
  assignments,
  copyRows,
  insertRange,
  insertRows,
  literal,
  mergeRows,
  rowOf,
  type Statement,
  type StatementKind,
  someRows,
} from './statement.ts';
import type { Table } from './table.ts';

/** What one connection of the application does between BEGIN and its end. */
export interface Transaction {
  readonly statements: readonly Statement[];
  readonly end: 'commit' | 'rollback' | 'prepare';
  /** Name of a prepared transaction. */
  readonly gid: string | null;
  /** It stays open for so many transactions of the others. */
  readonly openFor: number;
  /** Without BEGIN: what ends a prepared transaction can't be in one. */
  readonly alone: boolean;
}

export interface SessionInput {
  readonly schema: Schema;
  readonly chance: Chance;
  /** This session's number, from 0, and how many there are. */
  readonly session: number;
  readonly sessions: number;
  /** Rows that every table began with. */
  readonly rows: number;
  /** Rows of the biggest statement. */
  readonly big: number;
}

const KINDS: Readonly<Record<Exclude<StatementKind, 'commit prepared' | 'rollback prepared'>, number>> = {
  insert: 140,
  'insert of many': 60,
  'insert select': 30,
  'insert of 50,000': 1,
  'on conflict do nothing': 40,
  'on conflict do update': 50,
  copy: 50,
  'update by key': 180,
  'update of many': 60,
  'update of all': 1,
  'update to the same': 40,
  'update of the key': 60,
  'swap of keys': 40,
  'delete by key': 80,
  'delete of many': 30,
  truncate: 2,
  'truncate cascade': 1,
  'truncate restart identity': 2,
  merge: 50,
  'select for update': 30,
  nextval: 30,
  refresh: 1,
  savepoint: 30,
  'rollback to savepoint': 30,
};

/** How many of the rows that a session has made it remembers, to come back to them. */
const REMEMBERED = 300;

/**
 * The transactions of one session, without end. Nothing here looks at the database: the same input gives the same
 * statements, whatever they meet.
 */
export class SessionGenerator {
  readonly #input: SessionInput;
  readonly #own = new Map<string, number[]>();
  #fresh: number;
  #prepared: { gid: string; in: number }[] = [];
  #transactions = 0;
  #big = false;

  constructor(input: SessionInput) {
    this.#input = input;
    this.#fresh = input.rows + 1000 + input.session;
  }

  next(): Transaction {
    this.#transactions += 1;
    const { chance } = this.#input;
    const due = this.#prepared.find((one) => one.in <= this.#transactions);
    if (due) return this.#endPrepared(due.gid);
    const statements: Statement[] = [];
    for (let left = chance.weighted({ 1: 4, 2: 3, 3: 3, 5: 2, 12: 1 }); statements.length < Number(left); ) {
      statements.push(...this.#statement());
    }
    const end = chance.weighted({ commit: 88, rollback: 9, prepare: 3 });
    // One at a time: what a prepared transaction has locked may be wanted by its own session.
    if (end !== 'prepare' || this.#prepared.length > 0) {
      return {
        statements,
        end: end === 'rollback' ? 'rollback' : 'commit',
        gid: null,
        openFor: this.#openFor(),
        alone: false,
      };
    }
    const gid = `soak ${this.#input.session} ${this.#transactions}`;
    this.#prepared.push({ gid, in: this.#transactions + chance.between(1, 4) });
    return { statements, end, gid, openFor: 0, alone: false };
  }

  #openFor(): number {
    const { chance } = this.#input;
    return chance.between(1, 100) === 1 ? chance.between(20, 150) : 0;
  }

  #endPrepared(gid: string): Transaction {
    this.#prepared = this.#prepared.filter((one) => one.gid !== gid);
    const commit = this.#input.chance.percent(70);
    const statement: Statement = {
      kind: commit ? 'commit prepared' : 'rollback prepared',
      sql: `${commit ? 'COMMIT' : 'ROLLBACK'} PREPARED '${gid}'`,
    };
    return { statements: [statement], end: 'commit', gid, openFor: 0, alone: true };
  }

  #numbers(): number {
    this.#fresh += this.#input.sessions;
    return this.#fresh;
  }

  /** A number that no row has had, and that is remembered for the table. */
  #freshFor(table: Table): number {
    const number = this.#numbers();
    const own = this.#own.get(table.name) ?? [];
    own.push(number);
    if (own.length > REMEMBERED) own.shift();
    this.#own.set(table.name, own);
    return number;
  }

  /** The number of a row that may be there: mostly this session's, sometimes anybody's. */
  #known(table: Table): number {
    const { chance, session, sessions, rows } = this.#input;
    const own = this.#own.get(table.name);
    if (own && own.length > 0 && chance.percent(50)) return chance.oneOf(own);
    const any = chance.between(1, rows);
    return chance.percent(80) ? Math.max(1, any - (any % sessions) + session) : any;
  }

  #row(table: Table, number: number) {
    return rowOf(table, number, this.#input.chance, this.#input.rows);
  }

  /** One statement, or those that belong together. */
  #statement(): Statement[] {
    const { chance, schema } = this.#input;
    const kind = chance.weighted(KINDS);
    switch (kind) {
      case 'nextval':
        return [
          { kind, sql: `SELECT nextval(${literal({ text: chance.oneOf(schema.sequences), type: 'regclass' })})` },
        ];
      case 'refresh':
        return schema.materializedViews.map((view) => ({ kind, sql: `REFRESH MATERIALIZED VIEW ${view}` }));
      case 'savepoint':
        return [{ kind, sql: 'SAVEPOINT here' }];
      case 'rollback to savepoint':
        return [
          { kind: 'savepoint', sql: 'SAVEPOINT here' },
          ...this.#onTable('insert', chance.oneOf(schema.tables)),
          ...this.#onTable('update of many', chance.oneOf(schema.tables)),
          { kind, sql: 'ROLLBACK TO SAVEPOINT here' },
        ];
      default:
        return this.#onTable(kind, chance.oneOf(schema.tables));
    }
  }

  #onTable(kind: StatementKind, table: Table): Statement[] {
    const { chance, schema, sessions, big } = this.#input;
    const one = (sql: string): Statement[] => [{ kind, sql }];
    const rows = (count: number) => Array.from({ length: count }, () => this.#row(table, this.#freshFor(table)));
    const range = (count: number) => {
      const from = this.#freshFor(table);
      this.#fresh += count * sessions;
      return insertRange(table, { from, to: from + (count - 1) * sessions, step: sessions }, chance);
    };
    const bare = table.address.length === 0;
    if (kind === 'insert' || bare) return this.#onBare(kind, table) ?? one(insertRows(table, rows(1)));
    switch (kind) {
      case 'insert of many':
        return one(insertRows(table, rows(chance.between(2, 20))));
      case 'insert select':
        return one(range(chance.between(10, 200)));
      case 'insert of 50,000':
        // Once in a session. Each change of a row that nothing identifies looks through the whole table.
        if (table.shape === 'full without key' || this.#big) return one(range(100));
        this.#big = true;
        return one(range(big));
      case 'copy':
        return [{ kind, ...copyRows(table, rows(chance.between(1, 40))) }];
      case 'truncate':
      case 'truncate restart identity': {
        const names = [table, ...chance.some(schema.tables, chance.between(0, 2))].map(({ name }) => name);
        return one(`TRUNCATE ${[...new Set(names)].join(', ')}${kind === 'truncate' ? '' : ' RESTART IDENTITY'}`);
      }
      case 'truncate cascade':
        return one(`TRUNCATE ${table.name} CASCADE`);
      case 'on conflict do nothing':
      case 'on conflict do update':
        return this.#onConflict(kind, table);
      default:
        return table.insertsOnly ? [] : this.#change(kind, table);
    }
  }

  /** A table without columns knows few statements. Null: none of these. */
  #onBare(kind: StatementKind, table: Table): Statement[] | null {
    if (table.address.length > 0) return null;
    if (kind === 'truncate') return [{ kind, sql: `TRUNCATE ${table.name}` }];
    if (kind === 'delete of many' && !table.insertsOnly)
      return [{ kind, sql: `DELETE FROM ${table.name} WHERE ${someRows(table, 2, 0)}` }];
    return [{ kind: 'insert', sql: insertRows(table, []) }];
  }

  #onConflict(kind: StatementKind, table: Table): Statement[] {
    const number = this.#input.chance.percent(60) ? this.#known(table) : this.#freshFor(table);
    const insert = insertRows(table, [this.#row(table, number)]);
    const set = table.columns.map(({ name }) => `${name} = EXCLUDED.${name}`).join(', ');
    if (!table.arbiter) return [];
    const action = kind === 'on conflict do nothing' ? 'DO NOTHING' : `DO UPDATE SET ${set}`;
    return [{ kind, sql: `${insert} ON CONFLICT (${keyOf(table)}) ${action}` }];
  }

  /** What needs a replica identity. */
  #change(kind: StatementKind, table: Table): Statement[] {
    const { chance, rows } = this.#input;
    const one = (sql: string): Statement[] => [{ kind, sql }];
    const at = addressed(table, this.#known(table));
    const set = assignments(table, chance, kind === 'update of all' ? 'all' : 'few') ?? '';
    const few = () => someRows(table, chance.between(2, 60), chance.between(0, rows));
    switch (kind) {
      case 'update by key':
        return one(`UPDATE ${table.name} SET ${set} WHERE ${at}`);
      case 'update of many':
        return one(`UPDATE ${table.name} SET ${set} WHERE ${few()}`);
      case 'update of all':
        return one(`UPDATE ${table.name} SET ${set}`);
      case 'update to the same': {
        const { name } = chance.oneOf(table.columns);
        return one(`UPDATE ${table.name} SET ${name} = ${name} WHERE ${few()}`);
      }
      case 'update of the key':
        // GENERATED ALWAYS takes no other value.
        if (table.overriding) return [];
        return one(`UPDATE ${table.name} SET ${keyAs(table, this.#freshFor(table))} WHERE ${at}`);
      case 'swap of keys':
        return this.#swap(table);
      case 'delete by key':
        return one(`DELETE FROM ${table.name} WHERE ${at}`);
      case 'delete of many':
        return one(`DELETE FROM ${table.name} WHERE ${few()}`);
      case 'select for update':
        return one(
          `SELECT 1 FROM ${table.name} WHERE ${at} FOR ${chance.oneOf(['UPDATE', 'SHARE', 'NO KEY UPDATE', 'KEY SHARE'])}`,
        );
      case 'merge': {
        const numbers = new Set([this.#known(table), this.#known(table), this.#freshFor(table)]);
        return one(
          mergeRows(
            table,
            [...numbers].map((number) => this.#row(table, number)),
            chance,
          ),
        );
      }
      default:
        throw new Error(`no statement for ${kind}`);
    }
  }

  /** Two rows change their keys with each other, by way of a third one. */
  #swap(table: Table): Statement[] {
    const [a, b, third] = [this.#known(table), this.#known(table), this.#numbers()];
    const move = (from: number, to: number): Statement => ({
      kind: 'swap of keys',
      sql: `UPDATE ${table.name} SET ${keyAs(table, to)} WHERE ${addressed(table, from)}`,
    });
    return a === b || table.overriding ? [] : [move(a, third), move(b, a), move(third, b)];
  }
}

const keyOf = (table: Table): string => table.address.map(({ name }) => name).join(', ');

const keyAs = (table: Table, number: number): string =>
  table.address.map(({ name, type }) => `${name} = ${literal({ text: type.text(number), type: type.sql })}`).join(', ');
