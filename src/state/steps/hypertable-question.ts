import type { HypertableRow, IdentityChoice } from '../services.ts';
import { identityQuestion } from './identity-question.ts';

/** `primary key events_pkey of public.events`: what stays behind on the way to the target. */
const leftOut = (rows: readonly HypertableRow[]): string[] =>
  rows.flatMap(({ relation, obstacles }) =>
    obstacles.flatMap(({ leavesOut }) => (leavesOut === null ? [] : [`${leavesOut} of ${relation}`])),
  );

/** What is asked before a table gets an identity that a hypertable can have: the SQL, and what the target is left without. */
export function remedyQuestion(
  choice: IdentityChoice,
  rows: readonly HypertableRow[],
): { title: string; lines: string[] } {
  const { title, lines } = identityQuestion([choice], 0);
  const names = leftOut(rows);
  return {
    title,
    lines: names.length === 0 ? lines : [`The target is left without: ${names.join(', ')}.`, '', ...lines],
  };
}

/** What is asked before keys are left out on the target. */
export function leftOutQuestion(rows: readonly HypertableRow[]): { title: string; lines: string[] } {
  const names = leftOut(rows);
  return {
    title: 'Leave out on the target what no hypertable can have?',
    lines: [
      names.length === 0 ? 'Of the tables that are chosen that is nothing yet.' : 'The target is left without:',
      ...names,
      '',
      'On the source it stays. What it kept unique nothing keeps so on the target.',
    ],
  };
}
