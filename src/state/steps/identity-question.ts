import { counted } from '../../providers/outcome.ts';
import type { IdentityChoice } from '../services.ts';

/** More statements than that are worth a file. */
const MANY = 2;

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
      : [`You promise: until the cut-over nothing is updated or deleted in ${inserts.join(', ')}`, '']),
    ...(others === 0
      ? []
      : [`Not now: ${counted(others, 'table')} that cannot be applied from here (a says why).`, '']),
    ...(out.length === 0 ? [] : [`Not migrated at all: ${out.join(', ')}`, '']),
  ];
  const runs = [
    ...(sql.length > MANY ? [`${sql.length} statements; to have them all as a file: n, then s`] : []),
    builds
      ? 'An index waits for open transactions and may take long; x stops it. clean takes it all back.'
      : 'Each takes a short lock, tried for 5 seconds. clean takes it all back.',
    '',
    ...sql.map((statement) => `${statement};`),
  ];
  const lines = sql.length > 0 ? [...answers, ...runs] : answers.slice(0, -1);
  const title = sql.length > 0 ? 'Run this on the source?' : 'Is that so?';
  return { title, lines };
}
