import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { until } from '../support/wait.ts';
import { remains, TABLES, test } from './program.ts';

describe.concurrent('a migration that was interrupted', () => {
  test('goes on with --resume after Ctrl-C, SIGTERM and a crash', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const first = program.start(['migrate', '--skip-index', 'orders_customer']);
    await first.says('Replaying changes of the source');
    first.kill('SIGINT');
    expect(await first.finished).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/^Interrupted\. .*--resume.*\n$/),
    });
    expect((await program.run(['status', '--json'])).events).toMatchObject([
      { phase: 'replay', engine: 'stopped', pid: null, error: null },
    ]);
    expect(await program.run(['migrate'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^TM1304 .*--resume/s),
    });
    expect(await program.run(['cutover', '--confirm', target.name])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1306 local, .*migrate --resume/s),
    });
    const fails = async (args: string[], code: number, error: RegExp) =>
      expect(await program.run(args)).toMatchObject({ code, stderr: expect.stringMatching(error) });
    await fails(['migrate', '--resume', '--exclude-table', 'orders'], 2, /^TM1001 local, --exclude-table: /);
    await fails(['migrate', '--resume', '--plugin', 'test_decoding'], 2, /^TM1001 local, --plugin: /);
    await fails(['migrate', '--resume', '--drop-if-exists'], 2, /^TM1001 local, --drop-if-exists: /);
    await fails(
      ['migrate', '--resume', '--dir', join(program.root, 'other')],
      1,
      /^TM1305 local, .*no migration was begun/,
    );
    await source.query(`DELETE FROM orders WHERE id <= 10`);

    const second = program.start(['migrate', '--resume', '--json']);
    await second.says('"type":"gate"');
    second.kill('SIGTERM');
    const stopped = await second.finished;
    expect(stopped).toMatchObject({ code: 130, stderr: expect.stringMatching(/^Interrupted\./) });
    // No table was copied again.
    expect(stopped.events.filter(({ type, state }) => type === 'table' && state === 'copying')).toEqual([]);

    const third = program.start(['migrate', '--resume']);
    await third.says('Target has caught up with source');
    third.kill('SIGKILL');
    await third.finished;
    expect((await program.run(['status', '--json'])).events).toMatchObject([
      { engine: 'stopped', pid: null, replay: { caught_up: false } },
    ]);
    expect((await program.run(['status'])).stdout).toContain('The lag is not known now');
    await source.query(`UPDATE orders SET total = -1 WHERE id < 20`);

    // What only says how it is done may be said anew; the connection strings are remembered, but for the passwords.
    const passfile = join(program.root, 'pgpass');
    const passwords = [source, target].map(
      ({ owner, server }) => `*:${server.port}:*:${owner}:${server.ownerPassword}\n`,
    );
    await writeFile(passfile, passwords.join(''), { mode: 0o600 });
    const env = { SOURCE: undefined, TARGET: undefined, PGPASSFILE: passfile };
    const last = await program.run(['migrate', '--resume', '--cutover', 'auto'], { env });
    await writeFile(passfile, '');
    expect(last, last.stderr).toMatchObject({ code: 0, stderr: '' });
    const ignore = [/orders_customer/];
    expect(await compareDatabases(source.superuserUri, target.superuserUri, { ignore })).toEqual([]);
  });

  test('starts over with --drop-if-exists', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await target.query('CREATE TABLE kept (id int)');
    await target.query('CREATE TABLE orders (other text)');
    expect(await program.run(['migrate'])).toMatchObject({ code: 3, stderr: expect.stringMatching(/^TM1203 /) });
    const first = program.start(['migrate', '--drop-if-exists', '--table-jobs', '1', '--index-jobs', '1']);
    await first.says('Replaying changes of the source');
    first.kill('SIGINT');
    expect((await first.finished).code).toBe(130);
    const before = (await remains(databases)).filter((what) => /slot/.test(what));
    const second = await program.run(['migrate', '--drop-if-exists', '--cutover', 'auto']);
    expect(second, second.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toContain(`Removed source: replication ${before[0]}`);
    expect(await compareDatabases(source.superuserUri, target.superuserUri, { ignore: [/kept/] })).toEqual([]);
    expect(await target.query('SELECT 1 FROM kept')).toEqual([]);
    expect((await remains(databases)).filter((what) => /slot|publication/.test(what))).toEqual([]);
  });

  test('leaves nothing when it was stopped before its snapshot', async ({ program, databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    // The slot waits for everybody who has written and not ended yet.
    const writer = await source.connect();
    await writer.query(`BEGIN; INSERT INTO customers VALUES (5000, 'slow')`);
    const migrating = program.start(['migrate']);
    const waiting = `SELECT FROM pg_replication_slots WHERE database = current_database() AND NOT temporary AND active`;
    await until(async () => (await source.admin(waiting)).length > 0, { what: 'the slot that waits' });
    migrating.kill('SIGINT');
    expect(await migrating.finished).toMatchObject({ code: 130, stderr: 'Interrupted. Nothing had been begun yet.\n' });
    await writer.query('COMMIT');
    expect(await remains(databases)).toEqual([]);
    expect((await program.run(['migrate', '--resume'])).stderr).toMatch(/^TM1305 /);
  });

  test('takes its engine with it when a snapshot is stopped', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    const taking = program.start(['snapshot']);
    await until(async () => (await program.processes()).length > 1, { what: 'the engine' });
    taking.kill('SIGTERM');
    expect(await taking.finished).toMatchObject({ code: 130, stderr: expect.stringMatching(/^Interrupted\. .*clean/) });
    // It has said goodbye; a process takes a moment to end.
    await until(async () => (await program.processes()).length === 0, { what: 'the end of the engine' });
    expect((await program.run(['clean'])).code).toBe(0);
    expect(await remains(databases)).toEqual([]);
  });

  test('begins anew when it was killed before its snapshot', async ({ program, databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    const writer = await source.connect();
    await writer.query(`BEGIN; INSERT INTO customers VALUES (5000, 'slow')`);
    const migrating = program.start(['migrate']);
    const waiting = `SELECT FROM pg_replication_slots WHERE database = current_database() AND NOT temporary AND active`;
    await until(async () => (await source.admin(waiting)).length > 0, { what: 'the slot that waits' });
    migrating.kill('SIGKILL');
    await migrating.finished;
    await writer.query('COMMIT');
    const again = await program.run(['migrate', '--resume', '--cutover', 'auto']);
    expect(again, again.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('ended before its snapshot');
    expect((await remains(databases)).filter((what) => /slot|publication/.test(what))).toEqual([]);
  });

  test('is a demo: all of it ends with Ctrl-C', async ({ program }) => {
    const env = { TMPDIR: program.root };
    const demo = program.start(['demo', '--yes', '--scale', '0.01', '--dir', program.directory], { env });
    await demo.says('Copying table data');
    demo.kill('SIGINT');
    expect(await demo.finished).toMatchObject({ code: 130, stderr: expect.stringMatching(/^Interrupted\..*\n$/) });
    expect(demo.stdout).toContain('Stopped on request.');
  });
});
