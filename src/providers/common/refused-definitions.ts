import { nameOfEntry } from '../../engine/schema/leave-out.ts';
import type { Refusal } from '../../engine/schema/trial.ts';
import { qualified } from '../../postgres/identifiers.ts';

interface Rule {
  readonly when: (refusal: Refusal) => boolean;
  readonly remedy: (refusal: Refusal) => string;
}

/** What releases refuse that earlier ones took, and what to have instead. The release notes of each name them. */
const RULES: readonly Rule[] = [
  {
    // 18: a key between columns whose collations differ, one of them non-deterministic.
    when: ({ entry, message }) => entry.type === 'FK CONSTRAINT' && /collation/i.test(message),
    remedy: ({ entry }) =>
      `${nameOfEntry(entry)}: give both columns of the key the same collation on the source (ALTER TABLE … ALTER COLUMN … TYPE text COLLATE …).`,
  },
  {
    // 14: array_append, array_cat and others take anycompatiblearray.
    when: ({ entry, message }) =>
      entry.type === 'AGGREGATE' && /does not exist|anyarray|anyelement|return type/i.test(message),
    remedy: ({ entry }) =>
      `${nameOfEntry(entry)}: from PostgreSQL 14 on the array functions take anycompatiblearray: make the aggregate anew over anycompatiblearray and anycompatible on the target.`,
  },
  {
    // 14: no postfix operators, and no factorial operators.
    when: ({ entry, message, state }) =>
      (entry.type === 'OPERATOR' && /argument|postfix/i.test(message)) ||
      (/^(VIEW|MATERIALIZED VIEW|FUNCTION|RULE)$/.test(entry.type) &&
        /^42(601|883)$/.test(state) &&
        /!!|!\)?[ ,;)]/.test(entry.sql)),
    remedy: ({ entry }) =>
      `${nameOfEntry(entry)}: from PostgreSQL 14 on there are no postfix operators; write factorial(n) for n ! and !! n, or call the operator's function.`,
  },
  {
    when: ({ entry, message }) =>
      entry.type === 'TYPE' && /^CREATE TYPE [^(]*;\s*$/.test(entry.sql) && /superuser/i.test(message),
    remedy: ({ entry }) =>
      `${nameOfEntry(entry)} is a shell type, left behind when its definition was not finished: DROP TYPE ${qualified(entry)}; on the source when nothing needs it.`,
  },
  {
    when: ({ message }) => /language "[^"]*" does not exist/.test(message),
    remedy: ({ entry }) =>
      `${nameOfEntry(entry)}: the target lacks its language; write the function in PL/pgSQL or SQL.`,
  },
];

/** What a special case of a refusal asks for; null: only what all of them ask for. */
export const remedyAcrossVersions = (refusal: Refusal): string | null =>
  RULES.find(({ when }) => when(refusal))?.remedy(refusal) ?? null;
