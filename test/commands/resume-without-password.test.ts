import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { TABLES, test } from './program.ts';

describe.concurrent('a resume that fails', () => {
  test('for want of a password: said as that, and what was known stays shown, as of then', async ({
    program,
    databases,
  }) => {
    const { source } = databases;
    await source.query(TABLES);
    const migrating = program.start(['migrate']);
    await migrating.says('Cut-over condition met: every table is copied and indexed');
    migrating.kill('SIGINT');
    await migrating.finished;
    const [before] = (await program.run(['status', '--json'])).events;
    expect(before).toMatchObject({ copy: { tables_total: 2, tables_done: 2 }, slot: { wal_status: 'reserved' } });
    const none = { PGPASSFILE: join(program.root, 'none'), PGPASSWORD: undefined };
    for (const [side, env] of [
      // The target says where the migration stands: it is asked first.
      ['target', { ...none, SOURCE: undefined, TARGET: undefined }],
      ['target', { ...none, TARGET: undefined }],
      ['source', { ...none, SOURCE: undefined }],
    ] as const) {
      const failed = await program.run(['migrate', '--resume', '--yes'], { env });
      expect(failed, side).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(new RegExp(`^TM1114 ${side}, .*none was given`)),
      });
      expect(failed.stderr).not.toContain('wrong');
      const [now] = (await program.run(['status', '--json'])).events;
      expect(now).toMatchObject({
        phase: 'failed',
        error: { code: 'TM1114' },
        copy: before?.copy,
        slot: before?.slot,
        as_of: before?.as_of,
        gates: [],
        replay: { caught_up: false, verdict: 'unknown' },
      });
      const { stdout } = await program.run(['status']);
      expect(stdout).toMatch(/^As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC:$/m);
      expect(stdout).toContain('Copied 2 of 2 tables');
      expect(stdout).toMatch(/^Slot tiger_migrate_\w+: reserved/m);
    }
    const resumed = await program.run(['migrate', '--resume', '--cutover', 'auto']);
    expect(resumed, resumed.stderr).toMatchObject({ code: 0, stderr: '' });
    expect((await program.run(['status', '--json'])).events).toMatchObject([
      { phase: 'done', slot: null, copy: { tables_done: 2 } },
    ]);
    expect((await program.run(['status'])).stdout).not.toContain('As of');
  });
});
