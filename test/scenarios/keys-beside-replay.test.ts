import { expect } from 'vitest';
import { validateBesideReplay } from '../../src/engine/cutover/validate-keys.ts';
import { test } from '../support/databases.ts';
import { until } from '../support/wait.ts';

test('a foreign key that is validated beside replay is no deadlock with a replayed TRUNCATE of both tables', async ({
  databases: { source, target },
}) => {
  const tables = 'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent int);';
  const key = 'ALTER TABLE child ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent';
  await source.query(`${tables} ${key}`);
  await target.query(`${tables} ${key} NOT VALID; INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)`);
  const [replay, keys] = [await target.connect('superuser'), await target.connect('superuser')];
  // Were there a deadlock, it would be replay that the server ends.
  await replay.query(`SET deadlock_timeout = '600ms'`);
  await keys.query(`SET deadlock_timeout = '1min'`);

  // As TRUNCATE parent, child does, which locks one after the other.
  await replay.query('BEGIN; LOCK TABLE ONLY parent IN ACCESS EXCLUSIVE MODE');
  const validated = validateBesideReplay(await source.connect(), keys, 5000);
  const blocked = `SELECT FROM pg_locks WHERE NOT granted AND relation = 'parent'::regclass`;
  await until(async () => (await target.query(blocked)).length > 0, { what: 'the validation to wait' });
  await replay.query('TRUNCATE ONLY parent, ONLY child');
  await replay.query('COMMIT');

  await validated;
  const valid = await target.query(`SELECT convalidated AS valid FROM pg_constraint WHERE conname = 'of_parent'`);
  expect(valid).toEqual([{ valid: true }]);
  expect(await target.query('SELECT FROM child')).toEqual([]);
});
