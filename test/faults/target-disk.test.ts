import { describe, expect } from 'vitest';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { moveOntoDisks } from '../support/full-server.ts';
import { mayMount, SmallDisk } from '../support/small-disk.ts';
import { until } from '../support/wait.ts';
import { OwnSource } from './own-source.ts';
import { waitingFor } from './waiting.ts';

const MB = 1024 * 1024;
/** A thousand characters that do not compress. */
const TEXT = `(SELECT string_agg(md5((g * 100 + r)::text), '') FROM generate_series(1, 31) AS r)`;
const rows = (from: number, megabytes: number) =>
  `INSERT INTO big SELECT g, ${TEXT} FROM generate_series(${from}, ${from + megabytes * 1000 - 1}) g`;
const TABLES = `
CREATE TABLE big (id int PRIMARY KEY, v text); ${rows(1, 8)}`;

describe.runIf(mayMount)('the disk of the target (needs root, and a system that lets it mount one)', () => {
  test('full (53100) in copy, index build, replay and cut-over, and its pg_wal full (PANIC): gone on with by itself', async ({
    databases,
  }) => {
    const { source } = databases;
    await source.query(TABLES);
    await using data = await SmallDisk.mount(224);
    await using wal = await SmallDisk.mount(224);
    await using target = await OwnSource.start('', {
      settings: { max_wal_size: '64MB', min_wal_size: '32MB', restart_after_crash: 'off', autovacuum: 'off' },
    });
    await moveOntoDisks(target.server, { data, wal });
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: 'app',
      waitForGo: true,
    });
    const { fails, well, caughtUp, drains } = waitingFor(migration);
    const whatFails = (what: RegExp) =>
      fails(what, { code: 'TM1112', side: 'target', message: expect.stringContaining('No space left on device') });
    await migration.untilSnapshot();
    await data.fill(4 * MB);
    await migration.go();
    await whatFails(/^copying public\.big$/);
    // What is built is recorded first.
    const building = await target.connect();
    await building.query('BEGIN; LOCK TABLE tiger_migrate.object IN SHARE MODE');
    await data.makeRoom();
    await well();
    await until(
      async () =>
        (
          await target.query(
            `SELECT FROM pg_stat_activity WHERE application_name LIKE '% index' AND wait_event_type = 'Lock'`,
          )
        ).length > 0,
      { what: 'an index to wait' },
    );
    await data.fill(0);
    await building.query('COMMIT');
    await whatFails(/^building indexes of public\.big$/);
    await data.makeRoom();
    await well();
    await migration.reached('replay');
    await caughtUp();

    await data.fill(0);
    await source.query(rows(10_001, 2));
    await whatFails(/^applying changes to the target$/);
    await data.makeRoom();
    await well();
    await caughtUp();

    // Without room for WAL a server can't even say no: it ends, and somebody starts it again.
    await wal.fill(0);
    const panic = async () => {
      for (;;) await target.query(`SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)), pg_switch_wal()`);
    };
    await expect(panic()).rejects.toThrow();
    await until(async () => (await target.server.log()).includes('PANIC'), { what: 'the PANIC' });
    await source.query(rows(20_001, 1));
    await migration.until(() => migration.troubles.length > 0, 'the loss of the target');
    await wal.makeRoom();
    await target.server.restart('immediate');
    await well();
    await caughtUp();

    // The source is not left frozen for as long as it takes somebody to make room.
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE big');
    await source.query(rows(30_001, 2));
    await migration.requestCutover();
    await drains();
    await data.fill(0);
    await holder.query('COMMIT');
    await migration.until(() => migration.of('error').length > 0, 'the cut-over to fail');
    expect(migration.of('error').at(-1)?.error).toMatchObject({ code: 'TM1112', side: 'target' });
    await until(() => source.query(rows(40_001, 1)).then(() => true), { what: 'the source to take writes again' });
    await data.makeRoom();
    await well();
    await caughtUp();
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.uri)).toEqual([]);
  });
});
