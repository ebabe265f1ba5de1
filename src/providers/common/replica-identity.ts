import { displayName } from '../../postgres/identifiers.ts';
import { matchesAny } from '../../postgres/patterns.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import type { Check } from '../check.ts';
import { rowsInChunks } from '../copy-estimate.ts';
import { timescaleObjects } from '../facts/hypertables.ts';
import { changesInWords } from '../identity/changes-seen.ts';
import { reasonOf } from '../identity/choices.ts';
import { scriptOf } from '../identity/statements.ts';
import { type TableWithoutIdentity, tablesWithoutIdentity } from '../identity.ts';
import { counted, fail, pass, warn } from '../outcome.ts';

const LISTED = 50;
const REMEDIES = 10;

/** https://www.postgresql.org/docs/current/logical-replication-publication.html */
export const replicaIdentity: Check = {
  id: 'source-replica-identity',
  side: 'source',
  title: 'Replica identity',
  severity: 'fail',
  wanted: 'a primary key or a replica identity, without generated columns, on every table',
  why: 'It tells which row an UPDATE or DELETE changes. Without one, only inserts are published. A key with a generated column looks like an identity but is none: you must decide what to do about it.',
  fix: "SET lock_timeout = '5s'; ALTER TABLE … REPLICA IDENTITY USING INDEX …; or FULL. Or accept that only inserts are replayed.",
  async run({ ask, source, options, provider }) {
    // Changes of their rows are counted on chunks: they have a check of their own.
    const hypertables = rowsInChunks(provider) ? (await ask('source', timescaleObjects)).hypertables : [];
    const others = new Set(hypertables.map(displayName));
    const tables = (await tablesWithoutIdentity(source, options)).filter(({ relation }) => !others.has(relation));
    if (tables.length === 0) return pass(others.size === 0 ? 'all tables' : 'all tables besides hypertables');
    const names = tables.map((row) => {
      const { relation, partitions } = row;
      const reason = reasonOf(row);
      const has = `${counted(partitions, 'partition')} ${partitions === 1 ? 'has' : 'have'} none`;
      const why = [...(partitions > 0 ? [`all of it, because ${has}`] : []), ...(reason === null ? [] : [reason])];
      return why.length > 0 ? `${relation} (${why.join('; ')})` : relation;
    });
    const found = [
      'The following tables in the Source DB have neither a primary key nor a REPLICA IDENTITY (FULL/INDEX)',
      'UPDATE and DELETE statements on these tables will not be replicated to the Target DB',
      ...shortened(names, LISTED).map((name) => `  ${name}`),
    ];
    const fix = shortened(tables.map(remedy), REMEDIES);
    const isAccepted = (row: TableWithoutIdentity) =>
      [row, ...row.tables].some((table) => matchesAny(options.insertsOnly, table));
    const seeming = tables.filter((row) => reasonOf(row) !== null && !isAccepted(row));
    if (seeming.length === 0) return warn(found.join('\n'), { fix: fix.join('\n') });
    // Who has given a table a key does not expect that its updates get lost.
    const accept = `Or accept that only inserts are replayed: --inserts-only ${seeming.map(({ relation }) => shellQuoted(relation)).join(' ')}`;
    return fail('TM1216', found.join('\n'), { fix: [...fix, accept].join('\n') });
  },
};

/** What we recommend for one table. */
function remedy({ relation, choices, ...row }: TableWithoutIdentity): string {
  const [first] = choices;
  const [change, ...more] = first?.changes ?? [];
  if (change !== undefined) return [...scriptOf(change), ...(more.length > 0 ? ['…'] : [])].join(' ');
  return `${relation}: nothing, if no row of it is updated or deleted until the cut-over (${changesInWords(row)}).`;
}

const shortened = (lines: readonly string[], most: number): string[] =>
  lines.length > most ? [...lines.slice(0, most), `and ${lines.length - most} more`] : [...lines];
