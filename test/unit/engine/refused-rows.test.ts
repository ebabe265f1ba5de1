import { expect, test } from 'vitest';
import { hintOfRefusedRows } from '../../../src/engine/copy/refused-rows.ts';

const refusal = (code: string, fields: Record<string, string>) =>
  Object.assign(new Error('refused'), { code, ...fields });

test.each([
  ['23514', { constraint: 'c', table: 't' }, 'ALTER TABLE "public"."t" DROP CONSTRAINT "c";'],
  ['23514', { constraint: 'c', schema: 's', dataType: 'd' }, 'ALTER DOMAIN "s"."d" DROP CONSTRAINT "c";'],
  ['23502', { schema: 's', dataType: 'd' }, 'ALTER DOMAIN "s"."d" DROP NOT NULL;'],
  ['23502', { column: 'v', table: 't' }, 'ALTER TABLE "public"."t" ALTER COLUMN "v" DROP NOT NULL;'],
  ['23514', { table: 't' }, 'outside of the bounds of their partition'],
])('what to do about rows that the target refuses with %s, %j', (code, fields, hint) => {
  expect(hintOfRefusedRows(refusal(code, fields), { schema: 'public', name: 't' })).toContain(hint);
});
