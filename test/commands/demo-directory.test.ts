import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CommandContext } from '../../src/commands/context.ts';
import { prepareDemoDirectory } from '../../src/commands/demo-directory.ts';
import { DEMO_SOURCE, DEMO_TARGET } from '../../src/demo/environment.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { migrationOptionsSchema } from '../../src/engine/options.ts';
import { keepMigrationFile } from '../../src/engine/process/work-directory.ts';
import { test as withProgram } from './program.ts';

const uri = ({ host, user, database }: { host: string; user: string; database: string }, port: number): string =>
  `postgresql://${user}@${host}:${port}/${database}`;

async function directoryOf(source: string, target: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-demo-dir-'));
  keepMigrationFile(directory, {
    id: randomUUID(),
    source,
    target,
    options: migrationOptionsSchema.parse({}),
    created: new Date().toISOString(),
  });
  await mkdir(join(directory, 'spool'));
  await writeFile(join(directory, 'spool', 'segment'), 'x');
  await writeFile(join(directory, 'notes.txt'), 'of the operator');
  return directory;
}

/** As much of a command's context as looking at a directory needs. */
function contextOf(directory: string): { context: CommandContext; said: string[] } {
  const said: string[] = [];
  const context = {
    directory,
    env: {},
    signal: new AbortController().signal,
    print: (event: { text?: string }) => said.push(event.text ?? ''),
  } as unknown as CommandContext;
  return { context, said };
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, DEMO_SOURCE.host, () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });

describe('a work directory for the demo', () => {
  test('in which an earlier demo has left its migration is cleaned, and nothing else in it', async () => {
    const ports = [await freePort(DEMO_SOURCE.host), await freePort(DEMO_TARGET.host)] as const;
    const directory = await directoryOf(uri(DEMO_SOURCE, ports[0]), uri(DEMO_TARGET, ports[1]));
    const { context, said } = contextOf(directory);
    await prepareDemoDirectory(context);
    expect(await readdir(directory)).toEqual(['notes.txt']);
    expect(said.join()).toContain('an earlier demo');
    await rm(directory, { recursive: true });
  });

  test('in which somebody migrates is refused, whatever answers there', async () => {
    const port = await freePort(DEMO_SOURCE.host);
    const others = [
      [uri({ ...DEMO_SOURCE, user: 'app' }, port), uri(DEMO_TARGET, port)],
      [uri(DEMO_SOURCE, port), uri({ ...DEMO_TARGET, host: 'db.example.com' }, port)],
      [uri({ ...DEMO_SOURCE, database: 'orders' }, port), uri(DEMO_TARGET, port)],
    ] as const;
    for (const [source, target] of others) {
      const directory = await directoryOf(source, target);
      await expect(prepareDemoDirectory(contextOf(directory).context)).rejects.toMatchObject({ code: 'TM1307' });
      expect((await readdir(directory)).sort()).toEqual(['migration.json', 'notes.txt', 'spool']);
      await rm(directory, { recursive: true });
    }
  });

  test('that is a file, or holds files of somebody else, is refused before a server is started', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-demo-dir-'));
    await writeFile(join(directory, 'notes.txt'), 'of the operator');
    for (const unusable of [directory, join(directory, 'notes.txt')])
      await expect(prepareDemoDirectory(contextOf(unusable).context)).rejects.toMatchObject({ code: 'TM1302' });
    expect(await readdir(directory)).toEqual(['notes.txt']);
    await rm(directory, { recursive: true });
  });

  test('in which another demo runs is refused', async () => {
    const server = createServer((socket) => socket.destroy());
    const port = await listening(server);
    const directory = await directoryOf(uri(DEMO_SOURCE, port), uri(DEMO_TARGET, await freePort(DEMO_TARGET.host)));
    await expect(prepareDemoDirectory(contextOf(directory).context)).rejects.toMatchObject({ code: 'TM1301' });
    expect((await readdir(directory)).sort()).toEqual(['migration.json', 'notes.txt', 'spool']);
    server.close();
    await rm(directory, { recursive: true });
  });

  test('that is new needs nothing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-demo-dir-'));
    await prepareDemoDirectory(contextOf(directory).context);
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  withProgram('of a demo that was killed begins anew', async ({ program }) => {
    const env = { TMPDIR: program.root };
    const args = ['demo', '--yes', '--scale', '0.01', '--rate', '20', '--dir', program.directory];
    const killed = program.start(args, { env });
    await killed.says('Copying table data');
    killed.kill('SIGKILL');
    await killed.finished;
    const again = await program.run(args, { env });
    expect(again, again.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('an earlier demo left its files here');
    expect(again.stdout).toContain('Migration successfully completed');
  });
});
