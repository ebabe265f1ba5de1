import { describe, expect, test } from 'vitest';
import { statementsFor } from '../../../src/engine/carry-over/statements.ts';
import type { Entry } from '../../../src/engine/definitions/entry.ts';

const entry = (kind: string, name: string[], fields: Record<string, string> = {}): Entry => ({
  kind,
  name,
  catalog: 'pg_class',
  oid: 1,
  fields,
});

describe('statements for a changed definition', () => {
  test('of a rule: ENABLE only where it is said otherwise, for a view refuses it', () => {
    const definition = 'CREATE RULE "r" AS ON INSERT TO "public"."v" DO INSTEAD NOTHING;';
    const rule = entry('rule', ['public', 'v', 'r'], { definition });
    const created = 'CREATE OR REPLACE RULE "r" AS ON INSERT TO "public"."v" DO INSTEAD NOTHING';
    expect(statementsFor({ state: 'missing', entry: rule, fields: [] }).sql).toEqual([created]);
    const field = { field: 'definition', source: definition, target: '…' };
    expect(statementsFor({ state: 'differs', entry: rule, fields: [field] }).sql).toEqual([created]);
    const enabled = { field: 'enabled', source: null, target: 'no' };
    expect(statementsFor({ state: 'differs', entry: rule, fields: [enabled] }).sql).toEqual([
      created,
      'ALTER TABLE "public"."v" ENABLE RULE "r"',
    ]);
  });

  test('of an index of a partition: it becomes a part of that of the partitioned table', () => {
    const definition = 'CREATE INDEX "p_1" ON "public"."t_1" USING btree ("id")';
    const index = entry('index', ['public', 'p_1'], { definition, 'part of': '"public"."p"' });
    const attach = 'ALTER INDEX "public"."p" ATTACH PARTITION "public"."p_1"';
    expect(statementsFor({ state: 'missing', entry: index, fields: [] })).toEqual({
      sql: ['DROP INDEX IF EXISTS "public"."p_1"', definition, attach],
      when: 'now',
    });
    const field = { field: 'part of', source: '"public"."p"', target: null };
    expect(statementsFor({ state: 'differs', entry: index, fields: [field] }).sql).toEqual([attach]);
  });

  test('of a comment on what we have no name for in SQL: by hand, instead of nothing', () => {
    const comment = { field: 'comment', source: 'new', target: null };
    const cast = entry('cast', ['text', 'integer'], { comment: 'new' });
    expect(statementsFor({ state: 'differs', entry: cast, fields: [comment] })).toEqual({ sql: [], when: 'hand' });
  });
});
