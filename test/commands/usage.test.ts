import { describe, expect } from 'vitest';
import { test } from './program.ts';

const COMMON = ['source', 'target', 'provider', 'dir', 'json', 'yes', 'debug', 'help'];
const MIGRATION = [
  ...[
    'plugin',
    'table-jobs',
    'index-jobs',
    'no-compress',
    'split-tables-larger-than',
    'skip-table-data',
    'exclude-table-data',
    'skip-index',
  ],
  ...[
    'exclude-index',
    'exclude-table',
    'exclude-schema',
    'inserts-only',
    'leave-out',
    'skip-roles',
    'skip-extensions',
    'drop-if-exists',
  ],
  ...['hypertable', 'skip-hypertable-incompatible-objects'],
];

const HELP: Readonly<Record<string, readonly string[]>> = {
  '': ['source', 'target', 'provider', 'dir', 'watch', 'debug', 'version', 'help'],
  demo: ['dir', 'json', 'yes', 'scale', 'rate', 'debug', 'help'],
  check: [...COMMON, ...MIGRATION, 'tick', 'report'],
  status: ['dir', 'json', 'debug', 'help'],
  cutover: ['dir', 'json', 'yes', 'freeze-source', 'confirm', 'wait', 'override', 'debug', 'help'],
  verify: ['source', 'target', 'dir', 'json', 'yes', 'tables', 'debug', 'help'],
  clean: ['source', 'target', 'dir', 'json', 'yes', 'prune', 'unfreeze', 'keep-identity', 'debug', 'help'],
  snapshot: [...COMMON, ...MIGRATION],
};

describe.concurrent('the command line', () => {
  test('help names the options that do something, and the exit codes', async ({ program }) => {
    const helps = { ...HELP, migrate: [...(HELP.snapshot ?? []), 'resume', 'resync', 'cutover', 'freeze-source'] };
    await Promise.all(
      Object.entries(helps).map(async ([command, options]) => {
        const { code, stdout, stderr } = await program.run([...(command ? [command] : []), '--help', '--dir', 'x']);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        const named = [...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name);
        expect(named.sort(), command).toEqual([...options].sort());
        if (command === '') expect(stdout).toMatch(/Exit codes: 0 done.*130 interrupted/s);
      }),
    );
  });

  test('what is not understood is TM1001 and exit code 2, in JSON too', async ({ program }) => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['frobnicate'], /unknown command "frobnicate"\n.*tiger-migrate-tui --help/],
      [['migrate', '--hypertables', 'x=time'], /unknown option '--hypertables'.*migrate --help/s],
      [['migrate', '--hypertable', 'x'], /--hypertable/],
      [['migrate', '--table-jobs', '0'], /--table-jobs.*1 to 128/],
      [['migrate', '--index-jobs', 'many'], /--index-jobs.*1 to 128/],
      [['migrate', '--split-tables-larger-than', 'huge'], /200MB/],
      [['migrate', '--cutover', 'now'], /auto, manual/],
      [['migrate', '--plugin', 'decoderbufs'], /pgoutput, test_decoding, wal2json/],
      [['check', '--provider', 'oracle'], /selfhosted-timescaledb, selfhosted-postgres, rds, mst/],
      [['verify', 'customers'], /too many arguments/],
      [['clean', '--dir'], /argument missing/],
      [['--dir', 'x'], /wizard needs a terminal/],
      [['--json', '--dir', 'x'], /--json is for the commands/],
    ];
    await Promise.all(
      wrong.map(async ([args, text]) => {
        const { code, stderr, stdout } = await program.run(args);
        expect({ args, code, stderr }).toEqual({ args, code: 2, stderr: expect.stringMatching(text) });
        expect(stderr).toMatch(/^TM1001 local: .*\n {2}→ .*\n$/);
        if (!args.includes('--json')) expect(stdout).toBe('');
      }),
    );
    const { events } = await program.run(['migrate', '--json', '--frob']);
    expect(events).toMatchObject([{ type: 'error', error: { code: 'TM1001', side: 'local' } }]);
  });

  test('connection strings come from options, SOURCE and TARGET, or PGCOPYDB_…', async ({ program, databases }) => {
    const { source, target } = databases;
    const nobody = 'host=127.0.0.1 port=1';
    const others = { SOURCE: undefined, TARGET: undefined };
    const ok = async (args: string[], env: Record<string, string | undefined>) => {
      const { code, stdout, stderr } = await program.run(['check', ...args], { env });
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
    };
    await Promise.all([
      ok([], { PGCOPYDB_SOURCE_PGURI: nobody }),
      ok(['--provider', 'selfhosted-postgres'], {
        ...others,
        PGCOPYDB_SOURCE_PGURI: source.uri,
        PGCOPYDB_TARGET_PGURI: target.uri,
      }),
      ok(['--source', source.uri, '--target', target.uri], { SOURCE: nobody, TARGET: nobody }),
      ok([], {
        SOURCE: `host=${source.server.host} port=${source.server.port} dbname=${source.name} user=${source.owner}`,
        PGPASSWORD: source.server.ownerPassword,
      }),
    ]);
    // A check changes nothing, not even on this machine.
    expect(await program.traces().then((traces) => traces.filter(({ where }) => where.startsWith('/')))).toEqual([]);
  });

  test('commands on a directory without a migration say so', async ({ program }) => {
    expect(await program.run(['status'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^TM1305 local, /) });
    expect(await program.run(['cutover', '--confirm', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1306 local, /),
    });
    expect(await program.run(['migrate', '--resume'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1305 local, /),
    });
    expect(await program.run(['clean'])).toMatchObject({ code: 0, stdout: 'Nothing to remove.\n' });
  });
});
