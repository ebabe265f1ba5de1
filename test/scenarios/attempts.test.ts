import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { attempts } from '../../src/postgres/attempts.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';

/** Tries statements as the database's owner, on a session as the checks have it. */
async function tryOn(uri: string, statements: readonly string[]) {
  const client = await connect(parseConnectionString(uri, {}), { side: 'source', application: 'attempts' });
  try {
    return await attempts(client, statements);
  } finally {
    await endQuietly(client);
  }
}

const tables = (database: TestDatabase) => database.query("SELECT FROM pg_class WHERE relname LIKE 'attempt%'");

describe('statements that are tried', () => {
  test('are taken back, each on its own, and what the server says is told', async ({ databases: { source } }) => {
    const results = await tryOn(source.uri, [
      'CREATE TABLE public.attempt (id int)',
      "CREATE ROLE nobody_at_all PASSWORD 'it''s $$ quoted'",
      // Free again: the first one has been taken back.
      'CREATE TABLE public.attempt (note text)',
      'SELECT 1/0',
    ]);
    expect(results).toEqual([
      null,
      { state: '42501', message: 'permission denied to create role', context: expect.stringContaining('CREATE ROLE') },
      null,
      { state: '22012', message: 'division by zero', context: expect.stringContaining('SELECT 1/0') },
    ]);
    expect(await tables(source)).toEqual([]);
    expect(await tryOn(source.uri, [])).toEqual([]);
  });

  test('leave the session as it was, and wait for no lock', async ({ databases: { source } }) => {
    await source.query('CREATE TABLE public.held (id int)');
    const other = await source.connect();
    await other.query('BEGIN; LOCK TABLE public.held');
    const client = await connect(parseConnectionString(source.uri, {}), { side: 'source', application: 'attempts' });
    try {
      const [waited] = await attempts(client, ['DROP TABLE public.held']);
      expect(waited).toMatchObject({ state: '55P03' });
      expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
      expect(await attempts(client, ['SET session_replication_role = origin', 'SELECT 1'])).toEqual([
        expect.objectContaining({ state: '42501' }),
        null,
      ]);
    } finally {
      await endQuietly(client);
    }
    await other.query('ROLLBACK');
  });

  test('leave nothing in the log of the server, not even a refused password', async () => {
    await using server = await startServer({ name: 'attempts', settings: { log_min_messages: 'notice' } });
    await withClient(server.uri('postgres'), (client) => client.query("CREATE ROLE plain LOGIN PASSWORD 'x'"));
    const before = (await server.log()).length;
    const [refused] = await tryOn(server.uri('postgres', 'plain', 'x'), ["ALTER ROLE postgres PASSWORD 'hush'"]);
    expect(refused).toMatchObject({ state: '42501' });
    expect((await server.log()).slice(before)).not.toMatch(/ERROR|hush/);
  });

  test('are tried without plpgsql, too', async ({ databases: { source } }) => {
    await source.admin('DROP EXTENSION plpgsql');
    expect(await tryOn(source.uri, ['CREATE TABLE public.attempt (id int)', 'SELECT 1/0', 'SELECT 1'])).toEqual([
      null,
      { state: '22012', message: 'division by zero', context: '' },
      null,
    ]);
    expect(await tables(source)).toEqual([]);
  });
});
