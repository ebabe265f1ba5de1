import { describe, expect } from 'vitest';
import { probeServer } from '../../src/commands/probe-server.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { uriOf } from '../support/test-servers.ts';

const probe = (uri: string, side: 'source' | 'target') =>
  probeServer(parseConnectionString(uri, {}), side, new AbortController().signal);

describe('the look at a server while its connection string is typed', () => {
  for (const poolMode of ['session', 'transaction'] as const) {
    test.skipIf(findPgBouncer() === null)(
      `does not take a PgBouncer in ${poolMode} mode for the server`,
      async ({ databases: { source, target } }) => {
        const pools: readonly ['source' | 'target', TestDatabase][] = [
          ['source', source],
          ['target', target],
        ];
        for (const [side, database] of pools) {
          const { server, owner: user, name } = database;
          const password = server.ownerPassword;
          await using pool = await startPgBouncer({
            server,
            user,
            password,
            poolMode,
            ignores: ['options', 'extra_float_digits'],
          });
          await expect(probe(uriOf(pool, name, user, password), side)).rejects.toMatchObject({
            code: 'TM1204',
            side,
            hint: expect.stringContaining(`behind 127.0.0.1:${pool.port}`),
          });
        }
      },
    );
  }

  test('knows the address of a provider’s pooler', async ({ databases: { source } }) => {
    const { server, name, owner } = source;
    const named = `host=ep-cool-1-pooler.eu-central-1.aws.neon.tech hostaddr=${server.host} port=${server.port} user=${owner} dbname=${name} password=${server.ownerPassword} sslmode=disable`;
    await expect(probe(named, 'source')).rejects.toMatchObject({ code: 'TM1204' });
  });

  test('finds a server that is reached directly', async ({ databases: { source, target } }) => {
    expect(await probe(source.uri, 'source')).toMatchObject({ user: source.owner, tables: 0 });
    expect(await probe(target.uri, 'target')).toMatchObject({ user: target.owner });
  });
});
