import { expect, test } from 'vitest';
import { planSettings } from '../../../src/engine/roles/plan-settings.ts';

test('a setting of ALTER ROLE ALL is not brought where the database has its own, which outranks it', () => {
  const ofAll = { role: null, inDatabase: false, name: 'work_mem', value: '5MB' };
  const ofDatabase = { role: null, inDatabase: true, name: 'work_mem', value: '7MB' };
  const other = { ...ofAll, name: 'app.tenant', value: 'a' };
  const plan = (target: (typeof ofDatabase)[]) =>
    planSettings({
      source: [ofAll, other, ofDatabase],
      target,
      roles: new Set(),
      thereBefore: new Set(),
      database: 'here',
    }).map(({ sql }) => sql);
  const others = `ALTER DATABASE "here" SET "app"."tenant" TO 'a'`;
  expect(plan([])).toEqual([others, `ALTER DATABASE "here" SET "work_mem" TO '7MB'`]);
  // As a second run finds it.
  expect(plan([ofDatabase])).toEqual([others]);
});
