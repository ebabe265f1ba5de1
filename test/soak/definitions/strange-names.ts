import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import type { Chance } from '../generator/chance.ts';

/** Server encodings that a source may have, with letters that each of them can hold. */
export const ENCODINGS = {
  UTF8: 'é e\u0301 ß İ ı ﬁ \u00a0 \u200b \u202e \ufeff \u2028 🐯 👩‍👩‍👧 数据 עברית العربية ﷽ Ω ǆ 𝒳',
  LATIN1: 'é è ü ß ÿ ¿ ñ × \u00a0 Þ',
  LATIN9: 'é € Š ž œ Ÿ ß',
  WIN1252: 'é € “q” – ™ ß ƒ',
  KOI8R: 'ж Щ ё ю Ы',
  EUC_JP: '表 ソ 能 日本語 ヲ',
  EUC_KR: '한글 데이터 ㄱ',
} as const;
export type Encoding = keyof typeof ENCODINGS;

/** Names that a program may take for something else: SQL, a pattern, an entry of a dump, a name of somebody's machinery. */
const STRANGE = [
  'Mixed Case',
  'select',
  'system_user',
  'user',
  'quo"te',
  '""',
  "apo'strophe",
  'new\nline',
  'carriage\rreturn',
  'tab\there',
  'dot.ted',
  '.',
  'back\\slash',
  '%s $1 {} %I',
  '$$body$$',
  ' space ',
  ' ',
  'semi;--',
  '/* comment',
  '-- TOC entry 1 (class 1259 OID 1)',
  '\\restrict x',
  '\\.',
  'a,b(c)',
  'star*',
  'quest?ion',
  'pipe|pattern',
  '[a-z]+',
  '(group)',
  '$dollar',
  '^caret$',
  '1digit',
  'timescaledb_app',
  '_timescaledb_internal_notes',
  '_hyper_1_1_chunk',
  'tiger_migrate_2',
  'pgx',
  'toolkit_experimental_2',
  'aws_reporter',
  'rds_me',
  'public2',
  'NULL',
  '=',
  'tableoid2',
  'x".y',
  '{"json": 1}',
] as const;

/** PostgreSQL's limit, in bytes of the server's encoding. */
const NAME_BYTES = 63;

/** Quoted names and texts, no two names the same, of letters that an encoding can hold. */
export class StrangeNames {
  readonly #chance: Chance;
  readonly #letters: readonly string[];
  /** Of other encodings such a name is refused by `check`, and with it most databases: only some have them. */
  readonly #mayOutgrow: boolean;
  #count = 0;

  constructor(chance: Chance, encoding: Encoding) {
    this.#chance = chance;
    this.#letters = ENCODINGS[encoding].split(' ');
    this.#mayOutgrow = encoding === 'UTF8' || chance.between(1, 6) === 1;
  }

  /** A name without quotes. */
  raw(stem: string): string {
    this.#count += 1;
    const unique = `${stem}${this.#count}`;
    const way = this.#chance.between(1, 10);
    if (way <= 4) return unique;
    if (way <= 7) return within(`${this.#chance.oneOf(STRANGE)} ${unique}`);
    if (way <= 9) return within(`${unique}${this.#chance.oneOf(this.#letters)}`);
    const letter = this.#mayOutgrow ? this.#chance.oneOf(this.#letters) : '';
    return within(`${unique}${letter}`.padEnd(NAME_BYTES, 'x'));
  }

  next(stem: string): string {
    return quoteIdent(this.raw(stem));
  }

  /** A text for comments, defaults and labels; it differs from every other one. */
  text(): string {
    this.#count += 1;
    return `${this.#chance.oneOf(STRANGE)}\n${this.#chance.oneOf(this.#letters)} ${this.#count}`;
  }
}

/** As much of a name as fits, whole letters. */
function within(name: string): string {
  let kept = '';
  for (const letter of name) {
    if (Buffer.byteLength(kept + letter) > NAME_BYTES) break;
    kept += letter;
  }
  return kept;
}
