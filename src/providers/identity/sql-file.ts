import { dropIndexSql, scriptOf } from './statements.ts';
import type { IdentityChoice } from './table.ts';

/** A comment is one line, whatever is in a name. */
const comment = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break in a name would end the comment
  `-- ${text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ')}`;

const HEADER = [
  'Replica identity of tables of the source: run it as their owner, outside of a transaction,',
  'with psql -X -f replica-identity.sql and the connection string of the source.',
  'It stops at the first statement that fails; it may be run again. Afterwards press r in the wizard.',
];

function lines({ relation, label, cost, changes }: IdentityChoice): string[] {
  if (changes.length === 0) return ['', comment(`${relation}: ${label}. Nothing to run. ${cost}`)];
  return [
    '',
    comment(`${relation}: ${label}. ${cost}`),
    ...changes.flatMap((change) => [
      comment(`before: REPLICA IDENTITY ${change.table.identity}`),
      ...(change.create && change.index !== null
        ? [
            comment('Waits for transactions that are open, as long as they take. Should it fail, drop what it left:'),
            comment(`${dropIndexSql({ schema: change.table.schema, name: change.index })};`),
          ]
        : []),
      ...scriptOf(change),
    ]),
  ];
}

/** The SQL of choices as a script for psql. */
export const identitySqlFile = (choices: readonly IdentityChoice[]): string =>
  `${[...HEADER.map(comment), '\\set ON_ERROR_STOP on', ...choices.flatMap(lines)].join('\n')}\n`;
