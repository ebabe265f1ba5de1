import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import type { Chance } from './chance.ts';

/** What stands in names that somebody gave without thinking of those who come after. */
const HOSTILE = [
  'Mixed Case',
  'select',
  'quo"te',
  "apo'strophe",
  'new\nline',
  'dot.ted',
  'back\\slash',
  '%s $1 {}',
  'ünï🐯',
  ' space ',
  'semi;--',
  'a,b(c)',
];

/** Quoted names, no two the same: one in four is hostile, some as long as names can be. */
export class Names {
  readonly #chance: Chance;
  #count = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  next(stem: string): string {
    this.#count += 1;
    const plain = `${stem}_${this.#count}`;
    if (!this.#chance.percent(25)) return quoteIdent(plain);
    if (this.#chance.percent(15)) return quoteIdent(`${plain}_`.padEnd(63, 'x'));
    return quoteIdent(`${this.#chance.oneOf(HOSTILE)} ${this.#count}`);
  }
}

/** One of the two schemas of every round has such a name as well. */
export const SCHEMAS = ['soak', quoteIdent('Sch\'ema "q" \\ %s\n🐯')] as const;
