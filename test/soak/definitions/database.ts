import { quoteLiteral } from '../../../src/postgres/identifiers.ts';
import type { Chance } from '../generator/chance.ts';
import { type Encoding, StrangeNames } from './strange-names.ts';

/** A table that other objects may stand on. */
export interface StrangeTable {
  /** Qualified and quoted. */
  readonly name: string;
  /** An integer that is its primary key. */
  readonly key: string;
  /** A column of type text. */
  readonly text: string;
  /** A column of type integer. */
  readonly number: string;
}

/** A database in the making: statements in the order in which they run as the superuser. */
export class StrangeDatabase {
  readonly statements: string[] = [];
  /** Run after the snapshot, and again in replay; `$n` stands for the number of the time. */
  readonly changes: string[] = [];
  readonly tables: StrangeTable[] = [];
  readonly schemas: string[] = ['public'];
  readonly roles: string[] = [];
  readonly enums: { readonly name: string; readonly label: string }[] = [];
  readonly chance: Chance;
  readonly names: StrangeNames;

  constructor(chance: Chance, encoding: Encoding) {
    this.chance = chance;
    this.names = new StrangeNames(chance, encoding);
  }

  add(...statements: readonly string[]): void {
    this.statements.push(...statements);
  }

  change(...statements: readonly string[]): void {
    this.changes.push(...statements);
  }

  /** A new qualified name in one of the schemas. */
  qualified(stem: string): string {
    return `${this.chance.oneOf(this.schemas)}.${this.names.next(stem)}`;
  }

  /** A literal of strange text. */
  literal(): string {
    return quoteLiteral(this.names.text());
  }

  table(): StrangeTable {
    return this.chance.percent(60) && this.tables.length > 0 ? this.chance.oneOf(this.tables) : this.newTable();
  }

  /** A plain table with a few rows. */
  newTable(): StrangeTable {
    const table = {
      name: this.qualified('t'),
      key: this.names.next('id'),
      text: this.names.next('c'),
      number: this.names.next('n'),
    };
    this.add(
      `CREATE TABLE ${table.name} (${table.key} integer PRIMARY KEY, ${table.text} text DEFAULT ${this.literal()}, ${table.number} integer)`,
    );
    this.fill(table);
    return table;
  }

  /** Rows, and changes of them; the table has these three columns, and defaults for all others. */
  fill(table: StrangeTable): void {
    this.tables.push(table);
    this.add(`INSERT INTO ${table.name} (${table.key}, ${table.number}) SELECT i, i % 5 FROM generate_series(1, 20) i`);
    this.change(
      `INSERT INTO ${table.name} (${table.key}, ${table.text}, ${table.number}) VALUES (100 + $n, 'new', $n)`,
      `UPDATE ${table.name} SET ${table.text} = coalesce(${table.text}, '') || '+$n' WHERE ${table.key} = 10 + $n`,
      `DELETE FROM ${table.name} WHERE ${table.key} = $n`,
    );
  }

  role(): string {
    return this.chance.percent(50) && this.roles.length > 0 ? this.chance.oneOf(this.roles) : this.newRole();
  }

  newRole(attributes = ''): string {
    const name = this.names.next('r');
    this.roles.push(name);
    this.add(`CREATE ROLE ${name} ${attributes}`);
    return name;
  }
}
