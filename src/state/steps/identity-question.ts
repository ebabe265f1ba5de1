import { counted } from '../../providers/outcome.ts';
import type { IdentityChoice } from '../services.ts';

/** A question must fit a small terminal with its answer. */
const LINES = 2;

const some = (lines: readonly string[], what: string): string[] =>
  lines.length <= LINES ? [...lines] : [...lines.slice(0, LINES), `… and ${lines.length - LINES} more ${what}`];

/**
 * What is asked before choices are applied: the SQL that will run, and what the operator answers for. `others` is how
 * many tables are left as they are, because their owner must run the SQL or their columns have no name.
 */
export function identityQuestion(
  choices: readonly IdentityChoice[],
  others: number,
): { title: string; lines: string[] } {
  const sql = choices.flatMap((choice) => choice.sql);
  const of = (kind: IdentityChoice['kind']): string[] =>
    choices.filter((choice) => choice.kind === kind).map(({ relation }) => relation);
  const builds = of('create-index').length > 0;
  const inserts = of('insert-only');
  const out = of('leave-out');
  const answers = [
    ...(inserts.length === 0
      ? []
      : [`You promise: until the cut-over nothing is updated or deleted in ${some(inserts, 'tables').join(', ')}`, '']),
    ...(others === 0
      ? []
      : [`Not now: ${counted(others, 'table')} that cannot be applied from here (a says why).`, '']),
    ...(out.length === 0 ? [] : [`Not migrated at all: ${some(out, 'tables').join(', ')}`, '']),
  ];
  const runs = [
    ...some(sql, 'statements (v shows each, s saves all)'),
    '',
    builds
      ? 'An index waits for open transactions and may take long; x stops it. clean takes it all back.'
      : 'Each takes a short lock, tried for 5 seconds. clean takes it all back.',
  ];
  // A promise must be read, SQL can be seen elsewhere, too: on a small screen the end is cut off.
  const lines = sql.length > 0 ? [...answers, ...runs] : answers.slice(0, -1);
  const title = sql.length > 0 ? 'Run this on the source?' : 'Is that so?';
  return { title, lines };
}
