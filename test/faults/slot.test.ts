import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { pgoutput } from '../../src/engine/decode/pgoutput.ts';
import { Receiver } from '../../src/engine/source/receiver.ts';
import { createSlot, readSlot } from '../../src/engine/source/slot.ts';
import { SpoolWriter } from '../../src/engine/spool/writer.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { Migration, type MigrationInput } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { isInstalled, nativeOf } from '../support/other-versions.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import { MovingAddress } from './moving-address.ts';
import { OwnSource } from './own-source.ts';

const TABLES = `
CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE INDEX ON parent (v); INSERT INTO parent SELECT g, 'a' FROM generate_series(1, 1000) g;
INSERT INTO child SELECT id, id FROM parent`;
const WORK = `UPDATE parent SET v = 'b' WHERE id % 3 = 0; DELETE FROM child WHERE id % 5 = 0`;

const LOST = { code: 'TM4002', side: 'source', hint: expect.stringContaining('migrate --resync') };

const start = ({ target }: TestDatabases, source: string, more: Partial<MigrationInput> = {}) =>
  Migration.start({ source, target: target.uri, targetDatabase: target.name, ...more });

async function replaying(databases: TestDatabases, source: string): Promise<Migration> {
  const migration = await start(databases, source);
  await migration.reached('replay');
  await migration.until(
    () => migration.of('gate').some(({ id, ok }) => id === 'copied' && ok),
    'all tables to be live',
  );
  return migration;
}

/** A resume ends as before; with all tables copied again the migration goes on to its end. */
async function comesBackByResync(
  databases: TestDatabases,
  source: string,
  first: Migration,
  code: string,
): Promise<void> {
  const { directory } = first;
  await using again = await start(databases, source, { resume: { directory } });
  expect(await again.ended).toMatchObject({ code, hint: expect.stringContaining('migrate --resync') });
  await using migration = await start(databases, source, { resume: { directory, resync: [] } });
  await migration.reached('replay');
  await migration.cutOver();
  expect(migration.of('warning').map(({ text }) => text)).toContainEqual(
    expect.stringMatching(`^All tables are copied again, with a new slot: ${code} `),
  );
}

const dropSlot = `
SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active;
DO $$ BEGIN
  FOR i IN 1..1000 LOOP
    BEGIN
      PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active;
      PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database();
      RETURN;
    EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01);
    END;
  END LOOP;
END $$`;

describe('the slot dropped by somebody', () => {
  test('while the engine runs, its walsender ended: it ends and says so; migrate --resync copies all tables again', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using first = await replaying(databases, source.uri);
    await source.admin(dropSlot);
    expect(await first.ended).toMatchObject(LOST);
    await source.query(WORK);
    await comesBackByResync(databases, source.uri, first, 'TM4002');
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('and wal_level lowered while the engine is stopped', async ({ databases }) => {
    await using source = await OwnSource.start(TABLES);
    await using first = await replaying(databases, source.uri);
    await first.stop();
    await source.query(dropSlot);
    await source.server.restart('fast', { wal_level: 'replica' });
    await source.query(WORK);
    await using none = await start(databases, source.uri, { resume: { directory: first.directory, resync: [] } });
    expect(await none.ended).toMatchObject({
      code: 'TM1205',
      side: 'source',
      hint: expect.stringContaining('wal_level'),
    });
    await source.server.restart('fast', { wal_level: 'logical' });
    await comesBackByResync(databases, source.uri, first, 'TM4002');
    expect(await compareDatabases(source.uri, databases.target.superuserUri)).toEqual([]);
  });
});

describe('the slot invalidated by max_slot_wal_keep_size', () => {
  const SETTINGS = { wal_keep_size: '0', max_wal_size: '32MB', min_wal_size: '32MB' };
  const FILL = `SELECT pg_switch_wal(); SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)); SELECT pg_switch_wal(); CHECKPOINT`;

  /** Keeps the walsender from reading until the source has given the slot up. */
  const loseIt = (source: OwnSource) =>
    until(async () => {
      await source.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active; ${FILL}; ${FILL}`,
      );
      return (await source.query(`SELECT FROM pg_replication_slots WHERE wal_status = 'lost'`)).length;
    });

  /** What the source keeps for a slot is limited only now: the check would have refused it. */
  async function loseSlot(source: OwnSource): Promise<void> {
    await source.query(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`);
    await source.query('SELECT pg_reload_conf()');
    await loseIt(source);
    await source.query('ALTER SYSTEM RESET max_slot_wal_keep_size');
    await source.query('SELECT pg_reload_conf()');
  }

  test('in copy: it ends and says so; migrate --resync copies all tables again', async ({ databases }) => {
    await using source = await OwnSource.start(TABLES, { settings: SETTINGS });
    await using first = await start(databases, source.uri, { waitForGo: true });
    await first.untilSnapshot();
    const holder = await databases.target.connect();
    // No copy can say that it begins.
    await holder.query('BEGIN; LOCK TABLE tiger_migrate.relation IN SHARE MODE');
    await first.go();
    await first.reached('copy');
    await loseSlot(source);
    expect(await first.ended).toMatchObject(LOST);
    await holder.query('ROLLBACK');
    await source.query(WORK);
    await comesBackByResync(databases, source.uri, first, 'TM4002');
    expect(await compareDatabases(source.uri, databases.target.superuserUri)).toEqual([]);
  });

  test('in replay, and while the engine is stopped: it ends and says so', async ({ databases }) => {
    await using source = await OwnSource.start(TABLES, { settings: SETTINGS });
    await using first = await replaying(databases, source.uri);
    await loseSlot(source);
    expect(await first.ended).toMatchObject(LOST);
    await using second = await start(databases, source.uri, { resume: { directory: first.directory, resync: [] } });
    await second.reached('replay');
    await second.stop();
    await loseSlot(source);
    await using third = await start(databases, source.uri, { resume: { directory: first.directory } });
    expect(await third.ended).toMatchObject(LOST);
  });
});

describe.runIf(isInstalled(18))('PostgreSQL 18', () => {
  test('the slot invalidated by idle_replication_slot_timeout is lost', async () => {
    await using source = await OwnSource.start('CREATE PUBLICATION p', { native: nativeOf(18) });
    const settings = parseConnectionString(source.uri, {});
    const replication = () => connect(settings, { side: 'source', application: 'idle', replication: 'database' });
    const creating = await replication();
    await createSlot(creating, 's', 'pgoutput', false);
    destroy(creating);
    await source.query(`ALTER SYSTEM SET idle_replication_slot_timeout = '1s'`);
    await source.query('SELECT pg_reload_conf()');
    await until(async () => {
      await source.query('CHECKPOINT');
      return (await source.query(`SELECT FROM pg_replication_slots WHERE invalidation_reason = 'idle_timeout'`)).length;
    });
    // As the monitor sees it, and as the receiver meets it.
    const looking = await connect(settings, { side: 'source', application: 'idle' });
    expect(await readSlot(looking, 's')).toMatchObject({ walStatus: 'lost' });
    destroy(looking);
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-spool-'));
    const receiver = new Receiver({
      connect: replication,
      slot: 's',
      plugin: pgoutput,
      publications: ['p'],
      binary: false,
      spoolDirectory: directory,
      reserveBytes: 0,
      emit: () => undefined,
      signal: new AbortController().signal,
    });
    const onReadable = () => undefined;
    const { prologue } = receiver;
    const spool = await SpoolWriter.open({ directory, segmentBytes: 1_000_000, prologue, onReadable });
    await expect(receiver.run(spool)).rejects.toMatchObject({ ...LOST, message: expect.stringContaining('slot') });
    await spool.close();
    await rm(directory, { recursive: true });
  });
});

describe('a fail-over of the source', () => {
  /** The data of the server goes on as a standby that is promoted: another timeline, and the slot is still there. */
  async function failOver({ server }: OwnSource): Promise<void> {
    await server.kill();
    await writeFile(join(server.directory, 'data', 'standby.signal'), '');
    await server.restart();
    await withClient(server.uri('app'), (client) => client.query('SELECT pg_promote()'));
    await withClient(server.uri('app'), (client) => client.query(WORK));
  }

  test('while the engine runs: it does not go on with a slot that may lack changes; migrate --resync does', async ({
    databases,
  }) => {
    await using source = await OwnSource.start(TABLES);
    await using first = await replaying(databases, source.uri);
    await failOver(source);
    expect(await first.ended).toMatchObject({ code: 'TM4006', side: 'source', object: 'timeline 2' });
    await comesBackByResync(databases, source.uri, first, 'TM4006');
    expect(await compareDatabases(source.uri, databases.target.superuserUri)).toEqual([]);
  });

  test('while the engine is stopped, and another server in its place: neither is gone on with', async ({
    databases,
  }) => {
    await using source = await OwnSource.start(TABLES);
    await using other = await OwnSource.start(TABLES);
    await using first = await replaying(databases, source.uri);
    await first.stop();
    await failOver(source);
    const { directory } = first;
    await using second = await start(databases, source.uri, { resume: { directory } });
    expect(await second.ended).toMatchObject({ code: 'TM4006' });
    await using third = await start(databases, other.uri, { resume: { directory, resync: [] } });
    expect(await third.ended).toMatchObject({ code: 'TM1307', side: 'source', object: 'app' });
  });

  test('another server at its address while the engine runs: it is not gone on with', async ({ databases }) => {
    await using source = await OwnSource.start(TABLES);
    await using other = await OwnSource.start(TABLES);
    await using address = await MovingAddress.start(source.server);
    const { password } = source.server;
    await other.query(`ALTER ROLE postgres PASSWORD '${password}'`);
    const uri = source.uri.replace(`:${source.server.port}/`, `:${address.port}/`);
    await using first = await replaying(databases, uri);
    address.move(other.server);
    expect(await first.ended).toMatchObject({ code: 'TM1307', side: 'source' });
  });
});
