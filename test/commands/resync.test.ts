import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type Program, TABLES, test } from './program.ts';

const status = async (program: Program) => (await program.run(['status', '--json'])).events[0];

describe.concurrent('a damaged table', () => {
  test('is shown by status and verify, locks the cut-over whatever the reason, and comes back with migrate --resync', async ({
    program,
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const first = program.start(['migrate', '--json']);
    await first.says('"state":"live"');
    expect(await program.run(['migrate', '--resync'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^TM5004 target: no table is damaged/),
    });
    await target.admin('SET session_replication_role = replica; DELETE FROM customers WHERE id = 7');
    await source.query(`UPDATE customers SET name = 'new' WHERE id = 7`);
    await first.says('"state":"damaged"');
    expect(await status(program)).toMatchObject({
      damaged: [{ table: 'public.customers', code: 'TM5001', row: 'id=7', lsn: expect.stringMatching(/^\w+\/\w+$/) }],
      warnings: [{ text: expect.stringContaining('id=7') }],
    });
    expect((await program.run(['status'])).stdout).toMatch(/^DAMAGED public\.customers: TM5001 .*id=7/m);
    expect(await program.run(['verify'])).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/^DAMAGED public\.customers: /m),
    });
    expect((await program.run(['verify', '--json'])).events.at(-2)).toMatchObject({ damaged: ['public.customers'] });
    await first.says('"id":"damaged","title":"no table is damaged","ok":false');
    const forced = ['cutover', '--confirm', target.name, '--freeze-source', '--override', 'never mind'];
    expect(await program.run(forced)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^TM6002 .*public\.customers/),
    });

    // The engine that runs here is asked.
    expect(await program.run(['migrate', '--resync', 'public.nothing'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^TM1001 local, public\.nothing: /),
    });
    const asked = await program.run(['migrate', '--resync', 'public.customers']);
    expect(asked, asked.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('public.customers again') });
    await first.says('"relation":"public.customers","state":"copying"');

    // Stopped, it is started again.
    first.kill('SIGINT');
    expect((await first.finished).code).toBe(130);
    await target.admin('SET session_replication_role = replica; DELETE FROM orders WHERE id = 9');
    const fails = async (args: string[], error: RegExp) =>
      expect(await program.run(args)).toMatchObject({ code: 2, stderr: expect.stringMatching(error) });
    await fails(['migrate', '--resync', '--drop-if-exists'], /^TM1001 local, --drop-if-exists: --resync and /);
    await fails(['migrate', '--resync', 'public.nothing'], /^TM1001 local, public\.nothing: /);
    const last = await program.run(['migrate', '--resync', 'orders', '--cutover', 'auto', '--json']);
    expect(last, last.stderr).toMatchObject({ code: 0, stderr: '' });
    const copied = last.events.filter(({ type, state }) => type === 'table' && state === 'copied');
    expect(copied.map(({ relation }) => relation)).toContain('public.orders');
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
