import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { Migration, type MigrationInput } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { mayMount, SmallDisk } from '../support/small-disk.ts';
import { until } from '../support/wait.ts';
import { EngineProcess } from './engine-process.ts';

const MB = 1024 * 1024;
const TABLES = `
CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE log (id serial PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'a' FROM generate_series(1, 1000) g`;
/** So many transactions of a megabyte each. */
const write = async ({ source }: Pick<TestDatabases, 'source'>, megabytes: number) => {
  const client = await source.connect();
  for (let n = 0; n < megabytes; n += 1) {
    await client.query(
      `BEGIN; INSERT INTO log (v) SELECT repeat(md5(g::text), 32) FROM generate_series(1, 1000) g; UPDATE t SET v = v || 'b' WHERE id % 10 = 0; COMMIT`,
    );
  }
};

const start = ({ source, target }: TestDatabases, more: Partial<MigrationInput> = {}) =>
  Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name, ...more });

const FULL = 'operator TM4003';
const untilFull = (migration: Migration) =>
  migration.until(() => migration.troubleCodes.includes(FULL), 'the disk to be full');
const untilWell = (migration: Migration) =>
  migration.until(() => migration.troubleCodes.length === 0, 'no trouble to be left');

/** Bytes of WAL that the source keeps for us. */
const kept = async ({ source }: TestDatabases) =>
  Number(
    (
      await source.admin<{ kept: string }>(
        `SELECT pg_current_wal_lsn() - confirmed_flush_lsn AS kept FROM pg_replication_slots WHERE database = current_database()`,
      )
    )[0]?.kept,
  );

/** The most memory that the engine has taken. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
const peakBytes = async ({ child }: EngineProcess) =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;

describe.runIf(mayMount)('the disk of the spool (needs root, and a system that lets it mount one)', () => {
  test('full in copy and in replay (ENOSPC): the source keeps its WAL, and it goes on by itself when there is room', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using disk = await SmallDisk.mount(32);
    await using migration = await start(databases, { directory: join(disk.path, 'work'), waitForGo: true });
    const dumped = `SELECT FROM tiger_migrate.object WHERE kind = 'phase' AND name = 'dump'`;
    await migration.until(async () => (await target.query(dumped)).length > 0, 'the dump of the schema');
    await disk.fill(3 * MB);
    await write(databases, 8);
    await untilFull(migration);
    expect(await kept(databases)).toBeGreaterThan(4 * MB);
    expect(migration.of('retry').at(-1)).toMatchObject({
      what: 'receiving changes from the source',
      error: { code: 'TM4003', side: 'local', hint: expect.stringContaining('Make room') },
    });
    await migration.go();
    await migration.reached('replay');
    expect(migration.troubleCodes).toContain(FULL);
    await disk.makeRoom();
    await untilWell(migration);

    await migration.until(
      () => migration.of('gate').findLast(({ id }) => id === 'caught-up')?.ok === true,
      'replay to catch up',
    );
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE');
    await disk.fill(3 * MB);
    await write(databases, 8);
    await migration.until(() => migration.troubleCodes.includes(FULL), 'the disk to be full');
    await holder.query('COMMIT');
    await disk.makeRoom();
    await untilWell(migration);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('more at once than it takes: bounded memory, what is left to others stays free, and killed with -9 the engine goes on', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using disk = await SmallDisk.mount(128);
    const args = ['--dir', join(disk.path, 'work')];
    const env = { SOURCE: source.uri, TARGET: target.uri };
    let engine = new EngineProcess(args, env);
    const full = () => engine.saw((event) => event.type === 'retry' && event.error.code === 'TM4003');
    try {
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      const before = await peakBytes(engine);
      const holder = await target.connect();
      await holder.query('BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE');
      // Long values, of which the WAL holds little: they come as fast as the source can send them.
      const insert = `INSERT INTO log (v) SELECT repeat('0123456789abcdef', 30000) FROM generate_series(1, 50)`;
      for (let n = 0; n < 10; n += 1) await source.query(insert);
      await full();
      expect((await peakBytes(engine)) - before).toBeLessThan(100 * MB);
      expect(await disk.free()).toBeGreaterThan(0);
      await engine.kill('SIGKILL');
      engine = new EngineProcess([...args, '--resume', '--cutover', 'auto'], env);
      await full();
      await holder.query('COMMIT');
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
    }
  });

  test('not a byte left when the engine is killed with -9: resumed it waits, and goes on by itself when there is room', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using disk = await SmallDisk.mount(32);
    const args = ['--dir', join(disk.path, 'work')];
    const env = { SOURCE: source.uri, TARGET: target.uri };
    let engine = new EngineProcess(args, env);
    try {
      await engine.saw((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
      const holder = await target.connect();
      await holder.query('BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE');
      await disk.fill(3 * MB);
      await write(databases, 8);
      await engine.saw((event) => event.type === 'retry' && event.error.code === 'TM4003');
      await engine.kill('SIGKILL');
      await holder.query('COMMIT');
      await disk.makeRoom();
      await disk.fill(0);
      expect(await disk.free()).toBe(0);
      engine = new EngineProcess([...args, '--resume', '--cutover', 'auto'], env);
      await engine.saw((event) => event.type === 'retry' && event.error.code === 'TM4003');
      await disk.makeRoom();
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
    }
  });

  test('so small that one segment does not fit: what is applied gives its room back; one transaction alone does not fit: it waits for a bigger disk', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using disk = await SmallDisk.mount(8);
    await using migration = await start(databases, { directory: join(disk.path, 'work') });
    await migration.reached('replay');
    for (let round = 0; round < 3; round += 1) {
      await write(databases, 5);
      await until(async () => (await kept(databases)) < MB, { timeoutMs: 60_000, what: 'everything to be received' });
    }
    await untilWell(migration);
    const from = migration.events.length;
    await source.query(`INSERT INTO log (v) SELECT repeat(md5(g::text), 32) FROM generate_series(1, 12000) g`);
    const since = () => migration.events.slice(from);
    const tries = () => since().flatMap((event) => (event.type === 'retry' ? [event] : []));
    await migration.until(() => tries().length >= 2, 'another try to receive it');
    expect(since().filter(({ type }) => type === 'healed')).toEqual([]);
    expect(tries().at(-1)?.error).toMatchObject({
      code: 'TM4003',
      message: expect.stringContaining('a transaction that is still coming'),
      hint: expect.stringContaining('bigger'),
    });
    await disk.remount('size=64m');
    await untilWell(migration);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('read-only (EROFS) when the engine is started: it says so, and goes on once it takes writes', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using disk = await SmallDisk.mount(32);
    const directory = join(disk.path, 'work');
    const refused = { code: 'TM1302', side: 'local', message: expect.stringContaining('EROFS') };
    await disk.remount('ro');
    await using none = await start(databases, { directory });
    await expect(none.ended).rejects.toMatchObject(refused);
    await disk.remount('rw');
    await using first = await start(databases, { directory });
    await first.reached('replay');
    await first.stop();
    await disk.remount('ro');
    await using again = await start(databases, { resume: { directory } });
    await expect(again.ended).rejects.toMatchObject(refused);
    await disk.remount('rw');
    await using last = await start(databases, { resume: { directory } });
    await last.reached('replay');
    await last.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});

describe('the work directory', () => {
  test('removed (rm -rf) in mid-run: nothing more is confirmed, it ends and says so; migrate --resync comes back', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using first = await start(databases);
    await first.reached('replay');
    await first.until(
      () => first.of('gate').findLast(({ id }) => id === 'caught-up')?.ok === true,
      'replay to catch up',
    );
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE');
    await write(databases, 2);
    await until(async () => (await kept(databases)) < MB, { what: 'the confirmation' });
    await rm(first.directory, { recursive: true });
    await write(databases, 2);
    const ended = await first.ended;
    expect(ended).toMatchObject({ code: 'TM4004', side: 'local', hint: expect.stringContaining('migrate --resync') });
    expect(await kept(databases)).toBeGreaterThan(MB);
    await holder.query('COMMIT');
    await using again = await start(databases, { resume: { directory: first.directory } });
    expect(await again.ended).toMatchObject({ code: 'TM4004' });
    await using migration = await start(databases, { resume: { directory: first.directory, resync: [] } });
    await migration.reached('replay');
    await write(databases, 1);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
