import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject } from 'vitest';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';
import { Program, TABLES, test } from './program.ts';

const PLUGINS = ['pgoutput', 'test_decoding', ...(inject('wal2json') === null ? [] : ['wal2json'])];
/** Node takes the eleventh listener on one thing for a leak. */
const LEAK = 11;
const IS_OPEN = 'SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1';
/** Without numeric: an old wal2json is refused with it. */
const SIMPLE = TABLES.replace('total numeric', 'total int');

/** In tests of commands and faults every child of ours runs so that Node tells all it has to say (node-warnings.ts). */
describe.concurrent('Nothing printed on stderr by libraries', () => {
  test.for(PLUGINS)(
    'check, snapshot, clean, migrate, sessions lost, kill -9, --resume, status, cutover, verify and clean (%s)',
    {
      timeout: 600_000,
    },
    async (plugin, { program, databases }) => {
      const { source, target } = databases;
      await source.query(SIMPLE);
      await using toSource = await TcpProxy.start(source.server);
      await using toTarget = await TcpProxy.start(target.server);
      const env = { SOURCE: toSource.uri(source.uri), TARGET: toTarget.uri(target.uri) };
      const silent = async (args: string[]) =>
        expect(await program.run(args, { env }), args.join(' ')).toMatchObject({ code: 0, stderr: '' });
      await silent(['check', '--plugin', plugin]);
      await silent(['snapshot', '--plugin', plugin]);
      await silent(['clean']);
      const first = program.start(['migrate', '--json', '--plugin', plugin], { env });
      await first.says('"phase":"replay"');
      const healed = (what: string) => first.stdout.split(`"type":"healed","what":"${what}`).length - 1;
      const heals = async (what: string, times: number) =>
        until(() => healed(what) >= times, { timeoutMs: 60_000, what: `${what}: healed ${times} times` });
      // The leaks of a session that is opened anew are told by the eleventh; one plugin shows them.
      const times = plugin === 'pgoutput' ? LEAK : 1;
      for (let time = 1; time <= times; time += 1) {
        for (const [side, name] of [
          [source, 'receive'],
          [target, 'apply'],
        ] as const)
          await until(async () => (await side.admin(IS_OPEN, [`% ${name}`])).length > 0, {
            what: `the session ${name}`,
          });
        await toSource.inject('cut', / receive/);
        await toTarget.inject('cut', / apply/);
        await source.query(`INSERT INTO customers VALUES (${1000 + time}, 'new')`);
        await heals('receiving changes from the source', time);
        await heals('applying changes to the target', time);
      }
      await toSource.inject('cut');
      await toTarget.inject('cut');
      await heals('going on with the migration', 1);
      first.kill('SIGKILL');
      expect((await first.finished).stderr).toBe('');
      const second = program.start(['migrate', '--resume', '--json'], { env });
      await second.says('"type":"gate"');
      await silent(['status']);
      const caughtUp = () => /"id":"caught-up",[^{}]*"ok":true/.test(second.stdout);
      await until(caughtUp, { timeoutMs: 60_000, what: 'all to be applied' });
      await silent(['cutover', '--freeze-source', '--confirm', target.name]);
      expect(await second.finished).toMatchObject({ code: 0, stderr: '' });
      await silent(['verify']);
      await silent(['clean']);
    },
  );

  test('demo', async ({ program }) => {
    const args = ['demo', '--yes', '--scale', '0.01', '--dir', program.directory];
    const ended = await program.run(args, { env: { TMPDIR: program.root } });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('a warning of Node is found', async ({ databases }) => {
    const warns = ['--import', `data:text/javascript,process.emitWarning('so it goes')`];
    const another = new Program(await mkdtemp(join(tmpdir(), 'tiger-migrate-commands-')), databases);
    expect((await another.run(['--version'], { node: warns })).stderr).toContain('so it goes');
    await expect(another.close()).rejects.toThrow(/standard error: \(node:\d+\) Warning: so it goes/);
  });
});
