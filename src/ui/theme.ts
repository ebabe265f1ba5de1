import { createContext, useContext } from 'react';

/** What a colour stands for; `undefined` is the terminal's own. */
export type Tone = 'accent' | 'ok' | 'warn' | 'fail' | 'muted' | 'plain';

export interface Symbols {
  readonly pass: string;
  readonly warn: string;
  readonly fail: string;
  readonly info: string;
  readonly here: string;
  readonly pending: string;
  /** Something that is left to do by hand. */
  readonly todo: string;
  readonly running: readonly string[];
  readonly arrow: string;
  readonly separator: string;
  readonly rule: string;
  readonly barFull: string;
  readonly barEmpty: string;
  /** Lowest first. */
  readonly spark: readonly string[];
  readonly mask: string;
  readonly up: string;
  readonly down: string;
  readonly times: string;
  readonly ellipsis: string;
}

export interface Theme {
  readonly color: Readonly<Record<Tone, string | undefined>>;
  readonly symbol: Symbols;
  /** Ink's name of the box border. */
  readonly border: 'round' | 'classic';
  /** For what Ink itself puts into a line: its ellipsis. */
  readonly translate: (line: string) => string;
}

const GRAPHIC: Symbols = {
  pass: '✓',
  warn: '▲',
  fail: '✗',
  info: '○',
  here: '▸',
  pending: '·',
  todo: '☐',
  running: ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'],
  arrow: '──▸',
  separator: '·',
  rule: '─',
  barFull: '━',
  barEmpty: '─',
  spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  mask: '•',
  up: '↑',
  down: '↓',
  times: '×',
  ellipsis: '…',
};

const PLAIN: Symbols = {
  pass: '+',
  warn: '!',
  fail: 'x',
  info: 'i',
  here: '>',
  pending: '.',
  todo: 'o',
  running: ['|', '/', '-', '\\'],
  arrow: '-->',
  separator: '|',
  rule: '-',
  barFull: '#',
  barEmpty: '.',
  spark: ['_', '.', '-', '=', '+', '*', '#', '@'],
  mask: '*',
  up: '^',
  down: 'v',
  times: 'x',
  ellipsis: '~',
};

const COLOURS: Theme['color'] = {
  accent: 'cyan',
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
  muted: 'gray',
  plain: undefined,
};

const NO_COLOURS: Theme['color'] = {
  accent: undefined,
  ok: undefined,
  warn: undefined,
  fail: undefined,
  muted: undefined,
  plain: undefined,
};

type Environment = Readonly<Record<string, string | undefined>>;

/** A locale that is set and is not UTF-8 cannot show the symbols; neither can the console of Linux. */
export function showsGraphics(env: Environment): boolean {
  if (env.TIGER_MIGRATE_ASCII) return false;
  if (env.TERM === 'linux' || env.TERM === 'dumb') return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return locale === undefined || locale === '' || /utf-?8/i.test(locale);
}

/** Colours unless `NO_COLOR` is set (https://no-color.org); symbols as the locale allows. */
export const createTheme = (env: Environment): Theme => {
  const graphic = showsGraphics(env);
  return {
    color: env.NO_COLOR ? NO_COLOURS : COLOURS,
    symbol: graphic ? GRAPHIC : PLAIN,
    border: graphic ? 'round' : 'classic',
    translate: graphic ? (line) => line : (line) => line.replaceAll(GRAPHIC.ellipsis, PLAIN.ellipsis),
  };
};

export const ThemeContext = createContext<Theme>(createTheme({}));
export const useTheme = (): Theme => useContext(ThemeContext);
