import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { until } from '../support/wait.ts';
import { type Event, remains, TABLES, test } from './program.ts';

const CAUGHT_UP = 'Cut-over condition met: caught up';

describe.concurrent('migrate --cutover auto', () => {
  test('moves a database; status, verify, cutover and clean know about it', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const migrated = await program.run(['migrate', '--json', '--cutover', 'auto']);
    expect(migrated, migrated.stderr).toMatchObject({ code: 0, stderr: '' });
    const types = migrated.events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['check', 'plan', 'snapshot', 'table', 'index', 'replay', 'done']));
    const phases = migrated.events.filter(({ type }) => type === 'phase').map(({ phase }) => phase);
    expect(phases).toEqual(['checks', 'snapshot', 'schema', 'copy', 'replay', 'cutover', 'done']);

    const [status, ...others] = (await program.run(['status', '--json'])).events;
    expect(others).toEqual([]);
    expect(status).toMatchObject({
      type: 'status',
      phase: 'done',
      engine: 'stopped',
      pid: null,
      error: null,
      slot: null,
    });
    expect(status).toMatchObject({ copy: { tables_total: 2, tables_done: 2 } });

    expect(await program.run(['verify'])).toMatchObject({ code: 0, stderr: '' });
    expect((await program.run(['verify', '--json'])).events.at(-1)).toMatchObject({
      type: 'result',
      equal: true,
      tables: 2,
    });
    await target.query(`SET session_replication_role = replica; UPDATE customers SET name = 'nobody' WHERE id = 7`);
    const different = await program.run(['verify', '--json']);
    expect(different).toMatchObject({ code: 4, stderr: expect.stringMatching(/^TM7001 target, public\.customers: /) });
    expect(different.events.slice(-2)).toMatchObject([
      { type: 'result', equal: false, different: ['public.customers'] },
      { type: 'error', error: { code: 'TM7001' } },
    ]);
    const orders = await program.run(['verify', '--tables', 'public.ord*']);
    expect(orders).toMatchObject({ code: 0, stdout: expect.stringMatching(/Equal: 1 tables, every row\.\n$/) });
    expect((await program.run(['verify', '--tables', 'public.orders', 'customers'])).code).toBe(4);
    const unmatched = await program.run(['verify', '--tables', 'orders', 'odrers']);
    expect(unmatched).toMatchObject({ code: 2, stderr: expect.stringMatching(/^TM1001 source, odrers: no table/) });

    expect(await program.run(['cutover', '--confirm', target.name])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1306 .*the cut-over of this migration is done/),
    });
    expect(await program.run(['migrate', '--resume'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1305 .* is done/),
    });
    expect(await program.run(['migrate'])).toMatchObject({ code: 3, stderr: expect.stringMatching(/^TM1304 /) });

    const cleaned = await program.run(['clean', '--prune', '--json']);
    expect(cleaned).toMatchObject({ code: 0, stderr: '' });
    expect(cleaned.events).toMatchObject([
      { type: 'result', removed: ['target: schema tiger_migrate', expect.anything()] },
    ]);
    expect((await remains(databases)).filter((what) => !what.startsWith('relation'))).toEqual([]);
    expect(
      await program.traces().then((traces) => traces.filter(({ where }) => where.startsWith(program.directory))),
    ).toEqual([]);
    expect(await program.run(['status'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^TM1305 /) });
    expect((await program.run(['clean'])).stdout).toBe('Nothing to remove.\n');
  });
});

describe.concurrent('migrate in the foreground', () => {
  test('keeps others out, and cuts over on c and Enter', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const migrating = program.start(['migrate']);
    await migrating.says('Checking source and target');
    migrating.kill('SIGUSR1');
    await migrating.says('Replaying changes of the source');
    expect(migrating.stdout).toContain('TM6002');
    await source.query(`INSERT INTO customers VALUES (1001, 'late')`);

    const [status] = (await program.run(['status', '--json'])).events;
    expect(Object.keys(status ?? {})).toEqual(
      expect.arrayContaining(['phase', 'engine', 'pid', 'copy', 'replay', 'slot', 'spool', 'warnings', 'error']),
    );
    expect(status).toMatchObject({
      phase: 'replay',
      engine: 'running',
      pid: migrating.pid,
      copy: { tables_total: 2, tables_done: 2, bytes_total: expect.any(Number), bytes_done: expect.any(Number) },
      replay: {
        lag_bytes: expect.any(Number),
        source_wal_rate: expect.any(Number),
        target_replay_rate: expect.any(Number),
        caught_up: expect.any(Boolean),
      },
      slot: {
        name: expect.stringMatching(/^tiger_migrate_/),
        wal_status: 'reserved',
        retained_bytes: expect.any(Number),
      },
      spool: { bytes: expect.any(Number), free_bytes: expect.any(Number) },
      warnings: [],
    });
    expect(Object.keys((status as Event & { replay: object }).replay)).toEqual(
      expect.arrayContaining(['received_lsn', 'applied_lsn', 'eta_seconds']),
    );

    const fails = async (args: string[], exit: number, error: RegExp) =>
      expect(await program.run(args), args.join(' ')).toMatchObject({
        code: exit,
        stderr: expect.stringMatching(error),
      });
    const elsewhere = ['--dir', `${program.root}/elsewhere`];
    await Promise.all([
      fails(['migrate'], 3, /^TM1301 local, .*an engine works in this directory already/),
      fails(['snapshot'], 3, /^TM1301 /),
      fails(['clean'], 3, /^TM1301 local, .*the migration is running/),
      fails(['clean', ...elsewhere], 3, /^TM1303 target, .*from another work directory/),
      fails(['migrate', ...elsewhere], 3, /^TM1303 target, .*another engine migrates/),
      fails(['migrate', '--drop-if-exists', '--dir', `${program.root}/third`], 3, /^TM1303 /),
      fails(
        ['cutover'],
        3,
        new RegExp(`^TM6003 target, ${target.name}: .*not confirmed.*--confirm ${target.name}`, 's'),
      ),
      fails(['cutover', '--yes'], 3, /^TM6003 /),
      fails(['cutover', '--confirm', source.name], 3, /^TM6003 .*is not the name of the target database/),
    ]);

    // The terminal of a migration under nohup goes.
    migrating.kill('SIGHUP');
    await migrating.says(CAUGHT_UP);
    // On a busy server a condition may cease to hold: whoever is refused asks again.
    const refusals = () => migrating.stdout.split('TM6002').length;
    let askedAt = 0;
    await until(() => {
      if (askedAt !== refusals()) {
        askedAt = refusals();
        migrating.type('x\nC\n');
      }
      return migrating.stdout.includes('Cutting over');
    });
    const finished = await migrating.finished;
    expect(finished, finished.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(finished.stdout).toContain('Migration successfully completed');
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('cuts over when another terminal says so', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const migrating = program.start(['migrate']);
    await migrating.says(CAUGHT_UP);
    const cutover = await program.run(['cutover', '--json', '--freeze-source', '--confirm', target.name]);
    expect(cutover.stderr).toMatch(/^(?:Waiting for at most .*\n)*$/);
    expect(cutover, cutover.stderr).toMatchObject({ code: 0 });
    const steps = cutover.events
      .filter(({ type, state }) => type === 'cutover' && state === 'done')
      .map(({ step }) => step);
    expect(steps).toEqual(['fence', 'drain', 'sequences', 'objects', 'verify', 'report']);
    expect((await migrating.finished).code).toBe(0);
    const write = `INSERT INTO customers VALUES (1002, 'too late')`;
    await expect(source.query(write)).rejects.toThrow(/read-only/);
    expect((await program.run(['clean'])).stdout).toContain('stays read-only');
    await expect(source.query(write)).rejects.toThrow(/read-only/);
    expect((await program.run(['clean', '--unfreeze'])).stdout).toContain('takes writes again');
    await source.query(write);
  });
});

describe.concurrent('snapshot', () => {
  test('waits; migrate lets it go on', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const taken = await program.run(['snapshot', '--json', '--skip-index', 'orders_customer']);
    expect(taken, taken.stderr).toMatchObject({ code: 0, stderr: '' });
    // Also what the engine said before anybody could attach.
    expect(taken.events[0]).toMatchObject({ type: 'phase', phase: 'checks' });
    expect(taken.events.at(-1)).toMatchObject({ type: 'result', waiting: true });
    await source.query(`DELETE FROM orders WHERE id <= 10; UPDATE customers SET name = 'x' WHERE id = 1`);
    expect((await program.run(['status', '--json'])).events).toMatchObject([{ phase: 'snapshot', engine: 'running' }]);
    expect(await program.run(['migrate', '--exclude-table', 'orders'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^TM1001 local, --exclude-table: /),
    });
    const migrating = program.start(['migrate', '--cutover', 'auto', '--skip-index', 'orders_customer']);
    // Whoever reads may go: that is no reason to stop.
    await migrating.says('Copying table data');
    migrating.child.stdout?.destroy();
    expect(await migrating.finished).toMatchObject({ code: 0 });
    await until(async () => (await program.processes()).length === 0, { what: 'the end of the engine' });
    expect(await compareDatabases(source.superuserUri, target.superuserUri, { ignore: [/orders_customer/] })).toEqual(
      [],
    );
  });

  test('is ended by clean, and nothing is left', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    expect((await program.run(['snapshot'])).stdout).toMatch(/snapshot is held.*by process \d+/);
    expect(await remains(databases)).toHaveLength(4);
    const cleaned = await program.run(['clean', '--prune']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(await remains(databases)).toEqual([]);
  });
});
