import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { EngineEvent } from '../../src/engine/events.ts';
import { EngineProcess } from '../faults/engine-process.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { obey } from './ddl.ts';
import { Migration } from './whole/migration.ts';

test('DDL between the snapshot and the copy: the copy of such a table waits, the others go on', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(
    ['a_column', 'a_type', 'a_name', 'alone']
      .map(
        (name) =>
          `CREATE TABLE ${name} (id int PRIMARY KEY, v text); INSERT INTO ${name} SELECT g, 'v' FROM generate_series(1, 100) g;`,
      )
      .join('\n'),
  );
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    waitForGo: true,
  });
  await migration.until(
    async () => (await target.query(`SELECT FROM tiger_migrate.object WHERE name = 'dump'`)).length > 0,
    'the dump',
  );
  await source.query(`ALTER TABLE a_column ADD c int DEFAULT 7; ALTER TABLE a_name RENAME v TO w;
    ALTER TABLE a_type ALTER id TYPE bigint; UPDATE a_column SET c = 8 WHERE id = 1; UPDATE a_name SET w = 'w' WHERE id = 2`);
  await migration.go();
  await migration.until(
    () => migration.of('table').some(({ relation, state }) => relation === 'public.alone' && state === 'copied'),
    'a table without DDL to be copied',
  );
  await migration.until(() => migration.of('retry').some(({ policy }) => policy === 'operator'), 'the copy to wait');
  await obey(migration, target);
  await migration.cutOver();
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});

test('ALTER TABLE, then kill -9 of the engine while replay waits: resumed it waits again, and goes on without loss', async ({
  databases: { source, target },
}) => {
  await source.query(
    `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'a' FROM generate_series(1, 100) g`,
  );
  const directory = await mkdtemp(join(tmpdir(), 'tm-ddl-'));
  const env = { SOURCE: source.uri, TARGET: target.uri };
  const waits = (event: EngineEvent) => event.type === 'retry' && event.policy === 'operator';
  let engine = new EngineProcess(['--dir', directory], env);
  try {
    await engine.saw((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
    await source.query(
      `UPDATE t SET v = 'b'; ALTER TABLE t ADD c int; UPDATE t SET c = id; INSERT INTO t VALUES (101, 'c', 1)`,
    );
    await engine.saw(waits);
    await engine.kill('SIGKILL');
    await source.query(`UPDATE t SET c = c + 1; DELETE FROM t WHERE id = 5`);
    engine = new EngineProcess(['--dir', directory, '--resume'], env);
    const held = await engine.saw(waits);
    if (held.type !== 'retry') throw new Error('not a wait');
    await target.query(/^Run on the target: (.*)$/m.exec(held.error.hint)?.[1] ?? '');
    await engine.saw((event) => event.type === 'healed');
    const from = engine.events.length;
    for (const id of ['caught-up', 'schema', 'writers', 'healthy']) {
      await engine.saw(
        (event) => event.type === 'gate' && event.id === id && event.ok && engine.events.indexOf(event) >= from,
      );
    }
    engine.child.stdin?.write('c\n');
    expect(await engine.exited, engine.stderr).toBe(0);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  } finally {
    await engine.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
