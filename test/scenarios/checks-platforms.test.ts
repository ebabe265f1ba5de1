import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import type { ProviderId } from '../../src/engine/options.ts';
import { detectProvider } from '../../src/providers/index.ts';
import type { PlatformId } from '../../src/providers/platforms/platform.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import { type Emulation, emulate } from './emulated-platform.ts';

interface Kind extends Emulation {
  readonly id: PlatformId;
  readonly tab: ProviderId;
  readonly evidence: RegExp;
  /** In the remedy for wal_level, and for the right to replicate. */
  readonly walLevel: string;
  readonly grant: string;
}

const KINDS: readonly Kind[] = [
  {
    name: 'Amazon RDS',
    id: 'rds',
    tab: 'rds',
    user: 'shop_master',
    roles: ['rds_superuser', 'rds_replication'],
    settings: { 'rds.extensions': 'pg_stat_statements', 'rds.logical_replication': 'off' },
    host: 'shop.c9akciq32.eu-west-1.rds.amazonaws.com',
    evidence: /roles rds_replication, rds_superuser|roles rds_superuser, rds_replication/,
    walLevel: 'aws rds reboot-db-instance --db-instance-identifier shop --region eu-west-1',
    grant: 'GRANT rds_replication TO "shop_master";',
  },
  {
    name: 'Amazon Aurora',
    id: 'aurora',
    tab: 'rds',
    user: 'shop_master',
    roles: ['rds_superuser'],
    settings: { 'rds.logical_replication': 'off' },
    sql: "CREATE FUNCTION aurora_version() RETURNS text LANGUAGE sql AS $$SELECT '15.4'$$",
    host: 'shop.cluster-c9akciq32.us-east-2.rds.amazonaws.com',
    evidence: /function aurora_version/,
    walLevel: 'aws rds modify-db-cluster-parameter-group',
    grant: 'GRANT rds_replication TO "shop_master";',
  },
  {
    name: 'Managed Service for TimescaleDB',
    id: 'mst',
    tab: 'mst',
    user: 'tsdbadmin',
    roles: ['_aiven'],
    extensions: ['aiven_extras', 'timescaledb'],
    host: 'metrics-demo.a.timescaledb.io',
    evidence: /roles _aiven; extension aiven_extras/,
    walLevel: 'ask support to change it',
    grant: 'Connect as the service user',
  },
  {
    name: 'Tiger Cloud',
    id: 'tiger-cloud',
    tab: 'selfhosted-timescaledb',
    user: 'tsdbadmin',
    extensions: ['timescaledb', 'timescaledb_osm'],
    host: 'abc.def.tsdb.cloud.timescale.com',
    evidence: /roles tsdbadmin; extension timescaledb_osm, timescaledb/,
    walLevel: 'Operations → Database parameters',
    grant: 'Connect as tsdbadmin',
  },
  {
    name: 'Google Cloud SQL',
    id: 'cloud-sql',
    tab: 'selfhosted-postgres',
    user: 'shop_admin',
    roles: ['cloudsqlsuperuser'],
    settings: { 'cloudsql.logical_decoding': 'off' },
    evidence: /settings cloudsql\.\*/,
    walLevel: 'gcloud sql instances patch INSTANCE --database-flags=FLAGS_SET_ALREADY,cloudsql.logical_decoding=on',
    grant: 'ALTER USER "shop_admin" WITH REPLICATION;',
  },
  {
    name: 'Google AlloyDB',
    id: 'alloydb',
    tab: 'selfhosted-postgres',
    user: 'shop_admin',
    roles: ['alloydbsuperuser'],
    evidence: /roles alloydbsuperuser/,
    walLevel: 'gcloud alloydb instances update INSTANCE',
    grant: 'ALTER USER "shop_admin" WITH REPLICATION;',
  },
  {
    name: 'Azure Database for PostgreSQL',
    id: 'azure',
    tab: 'selfhosted-postgres',
    user: 'shop_admin',
    roles: ['azure_pg_admin'],
    settings: { 'azure.extensions': '' },
    host: 'shop.postgres.database.azure.com',
    evidence: /roles azure_pg_admin; settings azure\.\*/,
    walLevel: 'az postgres flexible-server parameter set --resource-group GROUP --server-name shop --name wal_level',
    grant: 'ALTER ROLE "shop_admin" WITH REPLICATION;',
  },
  {
    name: 'Azure with TimescaleDB',
    id: 'azure',
    tab: 'selfhosted-timescaledb',
    user: 'shop_admin',
    roles: ['azure_pg_admin'],
    extensions: ['timescaledb'],
    evidence: /roles azure_pg_admin/,
    walLevel: 'Server parameters → wal_level = logical',
    grant: 'ALTER ROLE "shop_admin" WITH REPLICATION;',
  },
  {
    name: 'Supabase',
    id: 'supabase',
    tab: 'selfhosted-postgres',
    user: 'shop_postgres',
    roles: ['supabase_admin'],
    settings: { 'supautils.reserved_roles': 'supabase_admin' },
    host: 'db.abcdefgh.supabase.co',
    evidence: /roles supabase_admin; settings supautils\.\*/,
    walLevel: '--project-ref abcdefgh postgres-config update --config wal_level=logical',
    grant: 'Connect as postgres',
  },
  {
    name: 'Neon',
    id: 'neon',
    tab: 'selfhosted-postgres',
    user: 'shop_owner',
    roles: ['neon_superuser'],
    settings: { 'neon.timeline_id': '00112233' },
    host: 'ep-cool-1.eu-central-1.aws.neon.tech',
    evidence: /roles neon_superuser; settings neon\.\*/,
    walLevel: 'Logical Replication → Enable',
    grant: 'neonctl roles create',
  },
  {
    name: 'DigitalOcean',
    id: 'digitalocean',
    tab: 'selfhosted-postgres',
    user: 'doadmin',
    extensions: ['aiven_extras'],
    host: 'shop-do-user-1-0.b.db.ondigitalocean.com',
    evidence: /roles doadmin/,
    walLevel: 'doctl databases configuration update',
    grant: 'Connect as doadmin',
  },
  {
    name: 'Heroku',
    id: 'heroku',
    tab: 'selfhosted-postgres',
    user: 'shop_heroku',
    sql: 'CREATE SCHEMA heroku_ext',
    evidence: /schema heroku_ext/,
    walLevel: "can't be changed",
    grant: 'gives no role the right to replicate',
  },
];

const ANOTHER: Readonly<Record<ProviderId, ProviderId>> = {
  rds: 'mst',
  mst: 'rds',
  'selfhosted-postgres': 'rds',
  'selfhosted-timescaledb': 'rds',
};

const detect = (source: string, target: string) =>
  withCheckContext({ source, target }, (context) => detectProvider(context.source));

describe('given a server that looks like one of a provider', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startServer({ name: 'platforms', settings: { wal_level: 'replica' } });
  });
  afterAll(() => server.stop());

  for (const kind of KINDS) {
    test(`${kind.name}: it is told, its tab is chosen, and the instructions are in its words`, async ({
      databases: { target },
    }) => {
      await using there = await emulate(server, kind);
      const input = { source: there.uri, target: target.uri, provider: kind.tab };
      const detected = await detect(there.uri, target.uri);
      expect(detected).toMatchObject({ provider: kind.tab, evidence: expect.stringMatching(kind.evidence) });
      expect(detected.platform.id).toBe(kind.id);

      const fitting = await check('source-kind', input);
      expect(fitting.status).toBe(kind.id === 'heroku' ? 'warn' : detected.note === null ? 'pass' : 'info');
      expect(fitting.found).toContain(detected.platform.label);
      const other = await check('source-kind', { ...input, provider: ANOTHER[kind.tab] });
      expect(other.status).toBe('warn');
      expect(other.fix).toContain(kind.id === 'heroku' ? 'pg_restore' : `--provider ${kind.tab}`);

      const walLevel = await check('source-wal-level', input);
      expect(walLevel).toMatchObject({ status: 'fail', code: 'TM1205', apply: null, restart: 'source' });
      expect(walLevel.fix).toContain(kind.walLevel);
      const right = await check('source-replication-right', input);
      expect(right).toMatchObject({ status: 'fail', code: 'TM1206' });
      expect(right.fix).toContain(kind.grant);
      expect(JSON.stringify([detected.note, fitting, other, walLevel, right])).not.toContain('hush');
    });
  }

  test('the address of a pooler is told, with that of the server', async ({ databases: { target } }) => {
    const kind = KINDS.find(({ id }) => id === 'supabase');
    if (kind === undefined) throw new Error('no Supabase');
    await using there = await emulate(server, { ...kind, host: 'aws-0-eu-central-1.pooler.supabase.com' });
    expect(await check('source-kind', { source: there.uri, target: target.uri })).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('port 5432, user postgres'),
    });
  });

  test('objects of the provider are named until they are left out', async ({ databases: { target } }) => {
    const supabase: Emulation = {
      name: 'supabase',
      user: 'shop_postgres',
      roles: ['supabase_admin'],
      extensions: ['supabase_vault', 'pg_net'],
      sql: 'CREATE SCHEMA auth; CREATE SCHEMA storage; CREATE SCHEMA auth_of_the_shop',
    };
    await using there = await emulate(server, supabase);
    const input = { source: there.uri, target: target.uri };
    const found = await check('source-provider-objects', { ...input, options: { excludeSchema: ['storage'] } });
    expect(found).toMatchObject({
      status: 'warn',
      found: 'of Supabase: extensions pg_net, supabase_vault; schemas auth',
    });
    expect(found.fix).toContain('--skip-extensions pg_net supabase_vault\n');
    expect(found.fix).toContain('--exclude-schema storage auth\n');
    const options = { skipExtensions: ['pg_net', 'supabase_vault'], excludeSchema: ['storage', 'auth'] };
    expect(await check('source-provider-objects', { ...input, options })).toMatchObject({ status: 'pass' });
    expect(await check('source-provider-objects', { ...input, source: server.uri('postgres') })).toMatchObject({
      status: 'pass',
      found: 'none',
    });
  });

  test('roles that somebody brought along from there do not overrule the tab', async ({ databases: { target } }) => {
    await using there = await emulate(server, { name: 'brought', user: 'shop_app', roles: ['rds_superuser'] });
    const input = { source: there.uri, target: target.uri };
    expect((await check('source-kind', input)).fix).toContain('If you know that it is wrong');
    expect((await check('source-wal-level', input)).fix).toContain('ALTER SYSTEM SET wal_level = logical;');
    // Settings of the provider nobody has by accident.
    await using real = await emulate(server, {
      name: 'real',
      user: 'shop_real',
      settings: { 'rds.extensions': 'hstore' },
    });
    expect((await check('source-wal-level', { ...input, source: real.uri })).fix).toContain('rds.logical_replication');
  });
});

describe('given a server of a provider where the instructions have been followed', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startServer({ name: 'followed' });
  });
  afterAll(() => server.stop());

  for (const kind of KINDS.filter(({ id }) => id !== 'heroku')) {
    test(`${kind.name}: the checks are green`, async ({ databases: { target } }) => {
      await using there = await emulate(server, { ...kind, attributes: 'REPLICATION' });
      const input = { source: there.uri, target: target.uri, provider: kind.tab };
      for (const id of ['source-wal-level', 'source-replication-right', 'source-pending-restart']) {
        expect(await check(id, input)).toMatchObject({ id, status: 'pass' });
      }
    });
  }
});

describe('given a server of our own', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startServer({ name: 'own', settings: { wal_level: 'replica', wal_sender_timeout: '1s' } });
  });
  afterAll(() => server.stop());

  test('it is told, and a restored role of a provider does not deceive where we are superuser', async ({
    databases: { target },
  }) => {
    const uri = server.uri('postgres');
    expect(await detect(uri, target.uri)).toMatchObject({
      provider: 'selfhosted-postgres',
      evidence: expect.stringContaining('no sign of a provider'),
      note: null,
    });
    expect(await check('source-kind', { source: uri, target: target.uri })).toMatchObject({ status: 'pass' });
    await withClient(uri, (client) => client.query('CREATE ROLE rds_superuser'));
    const detected = await detect(uri, target.uri);
    expect(detected).toMatchObject({ provider: 'selfhosted-postgres' });
    expect(detected.evidence).toContain('roles rds_superuser as on Amazon RDS, but postgres is a superuser');
    await withClient(uri, (client) => client.query('DROP ROLE rds_superuser'));
  });

  test('a role that was given ALTER SYSTEM may run the remedy, and it works', async ({ databases: { target } }) => {
    await withClient(server.uri('postgres'), (client) =>
      client.query(`CREATE ROLE tuner LOGIN PASSWORD 'x';
        GRANT ALTER SYSTEM ON PARAMETER wal_level, wal_sender_timeout TO tuner`),
    );
    const source = server.uri('postgres', 'tuner', 'x');
    const input = { source, target: target.uri };
    // Without the right to reload it would be half of a remedy.
    const half = await check('source-wal-sender-timeout', input);
    expect(half).toMatchObject({ status: 'warn', apply: null, restart: null });
    expect(half.fix).toContain("ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();");
    await withClient(server.uri('postgres'), (client) =>
      client.query('GRANT EXECUTE ON FUNCTION pg_reload_conf() TO tuner'),
    );
    for (const [id, restart] of [
      ['source-wal-sender-timeout', false],
      ['source-wal-level', true],
    ] as const) {
      const { apply } = await check(id, input);
      expect(apply).toMatchObject({ side: 'source', restart });
      await withClient(source, async (client) => {
        for (const sql of apply?.sql ?? []) await client.query(sql);
      });
      if (restart) await server.restart();
      await until(async () => (await check(id, input)).status === 'pass', { what: id });
    }
  });

  test('a setting that waits for a restart is told until the server is restarted', async ({
    databases: { target },
  }) => {
    const input = { source: server.uri('postgres'), target: target.uri };
    expect(await check('source-pending-restart', input)).toMatchObject({ status: 'pass', restart: null });
    await withClient(input.source, async (client) => {
      await client.query('ALTER SYSTEM SET max_wal_senders = 3');
      await client.query('SELECT pg_reload_conf()');
    });
    const waiting = async () => (await check('source-pending-restart', input)).status === 'warn';
    await until(waiting, { what: 'the changed setting' });
    expect(await check('source-pending-restart', input)).toMatchObject({
      found: 'max_wal_senders: changed, waiting for a restart',
      fix: expect.stringContaining('Restart the server'),
      restart: 'source',
      apply: null,
    });
    await server.restart();
    expect(await check('source-pending-restart', input)).toMatchObject({ status: 'pass' });
  });

  test('TimescaleDB in the database asks for its tab', async ({ databases: { target } }) => {
    await using there = await emulate(server, { name: 'timescale', user: 'metrics', extensions: ['timescaledb'] });
    const input = { source: there.uri, target: target.uri };
    expect(await check('source-kind', input)).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('--provider selfhosted-timescaledb'),
    });
    expect(await check('source-kind', { ...input, provider: 'selfhosted-timescaledb' })).toMatchObject({
      status: 'pass',
    });
  });
});
