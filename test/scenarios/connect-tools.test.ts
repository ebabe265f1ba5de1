import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type ClientTools, clientToolsFor } from '../../src/postgres/client-tools.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { runPgTool } from '../../src/postgres/run-pg-tool.ts';
import { test } from '../support/databases.ts';
import { uriOf } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';

describe('pg_dump and pg_restore', () => {
  let directory = '';
  let tools: ClientTools;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tools-'));
    ({ tools } = await clientToolsFor(150000, process.env));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('carry a schema from one server to the other', async ({ databases: { source, target } }) => {
    await source.query('CREATE TABLE public.orders (id int PRIMARY KEY)');
    const archive = join(directory, 'schema.dump');
    const common = { tools, passfileDirectory: directory };
    await runPgTool(
      'pg_dump',
      ['--schema-only', '--format=custom', `--file=${archive}`],
      parseConnectionString(source.uri, {}),
      {
        ...common,
        side: 'source',
      },
    );
    const { stdout } = await runPgTool('pg_restore', ['--list', archive], null, { ...common, side: 'target' });
    expect(stdout).toContain('TABLE public orders');
    await runPgTool('pg_restore', ['--no-owner', archive], parseConnectionString(target.uri, {}), {
      ...common,
      side: 'target',
    });
    expect(await target.query("SELECT to_regclass('public.orders')::text AS name")).toEqual([{ name: 'orders' }]);
    expect(await readdir(directory)).toEqual(['schema.dump']);
  });

  test('fail with what they complain about, without the password', async ({ databases: { source } }) => {
    const settings = parseConnectionString(uriOf(source.server, source.name, source.owner, 'hush'), {});
    const error = await runPgTool('pg_dump', [], settings, {
      tools,
      side: 'source',
      passfileDirectory: directory,
    }).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'TM2001',
      side: 'source',
      message: expect.stringContaining('authentication failed'),
    });
    expect(JSON.stringify(error)).not.toContain('hush');
    expect(await readdir(directory)).toEqual([]);
  });

  test('connect to databases with hostile names', async ({ databases: { source } }) => {
    const name = `${source.name} a='b' \\ "c"`;
    await source.admin(`CREATE DATABASE "${name.replaceAll('"', '""')}" OWNER ${source.owner}`);
    try {
      const settings = parseConnectionString(uriOf(source.server, name, source.owner, source.server.ownerPassword), {});
      const { stdout } = await runPgTool('pg_dump', ['--schema-only'], settings, {
        tools,
        side: 'source',
        passfileDirectory: directory,
      });
      expect(stdout).toContain('PostgreSQL database dump');
    } finally {
      await source.admin(`DROP DATABASE "${name.replaceAll('"', '""')}"`);
    }
  });

  test('show no password to other users while they run, and can be interrupted', async ({ databases: { source } }) => {
    await source.query('CREATE TABLE held (id int)');
    const holder = await source.connect();
    await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE');
    const controller = new AbortController();
    const dump = runPgTool('pg_dump', ['--schema-only'], parseConnectionString(source.uri, {}), {
      tools,
      side: 'source',
      passfileDirectory: directory,
      signal: controller.signal,
    }).catch((error: unknown) => error);
    await until(async () => {
      const waiting = await source.admin(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    });
    const { stdout: processes } = await promisify(execFile)('ps', ['-eo', 'args']);
    expect(processes).toContain('pg_dump');
    expect(processes).not.toContain(source.server.ownerPassword);
    expect(await readdir(directory)).toHaveLength(1);
    controller.abort();
    expect(await dump).toMatchObject({ code: 'TM9002' });
    expect(await readdir(directory)).toEqual([]);
    await holder.query('ROLLBACK');
  });
});
