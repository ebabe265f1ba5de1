import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { PROVIDERS, type ProviderId } from '../../src/engine/options.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import type { StepSetting } from '../../src/providers/step.ts';
import { stepsFor, stepsOf } from '../../src/providers/steps.ts';

const TARGET = 'postgres://tsdbadmin:tiger-hush@abc123.proj.tsdb.cloud.timescale.com:33012/tsdb';
const setting = (provider: ProviderId, source: string, target = TARGET): StepSetting => ({
  provider,
  source: parseConnectionString(source, {}),
  target: parseConnectionString(target, {}),
});
const SOURCES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'postgres://app:s3cret-hush@db.example.com/metrics',
  'selfhosted-postgres': 'postgres://app:s3cret-hush@db.example.com/shop',
  rds: 'postgres://master:s3cret-hush@shop.c9akciq32.eu-west-1.rds.amazonaws.com/shop',
  mst: 'postgres://tsdbadmin:s3cret-hush@metrics-demo.a.timescaledb.io:26479/defaultdb',
};
const ODD_USER = `o'dd "$(id)" \\us'er`;
/** What is to be typed into a shell: behind `Command:` or `Command, what for:`. */
const commandsOf = (of: StepSetting): string[] =>
  stepsFor(of, {})
    .flatMap(({ how }) => how)
    .flatMap((line) => /^Command(?: \([^)]*\))?(?:, [^:]*)?: (.*)$/.exec(line)?.[1] ?? []);

describe.each(PROVIDERS)('the steps of source kind %s', (provider) => {
  const items = stepsFor(setting(provider, SOURCES[provider]), {});

  test('say what, why and how', () => {
    for (const { id, title, why, how } of items) {
      expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(title.length).toBeGreaterThan(10);
      expect(title.length).toBeLessThan(100);
      expect(why).toMatch(/\.$/);
      expect(how.length).toBeGreaterThan(0);
      for (const line of how) expect(line).not.toMatch(/\n|undefined|null|\[object/);
    }
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  });

  test('hold no password', () => {
    expect(JSON.stringify(items)).not.toMatch(/hush/);
  });

  test('name the servers', () => {
    const text = JSON.stringify(items);
    expect(text).toContain('abc123');
    expect(text).toContain(parseConnectionString(SOURCES[provider], {}).host);
  });

  test('are commands that a shell can read, whatever the names are', () => {
    const known = setting(provider, SOURCES[provider]);
    const odd = { host: "h'x", port: 5433, user: ODD_USER, database: 'a b;c' };
    for (const source of [known.source, odd, { ...odd, host: known.source.host }]) {
      const commands = commandsOf({ ...known, source });
      expect(commands.length).toBeGreaterThan(5);
      for (const command of commands) execFileSync('sh', ['-n', '-c', command]);
    }
  });
});

test('a name is one word of the command, whatever it holds', () => {
  const source = { host: 'db.example.com', port: 5433, user: ODD_USER, database: 'a b;c' };
  const of: StepSetting = { ...setting('rds', SOURCES.rds), source };
  const command =
    commandsOf(of).find((line) => line.startsWith('psql') && line.includes('current_user, version')) ?? '';
  const words = execFileSync('sh', ['-c', `psql() { for word; do printf '%s\\n' "$word"; done; }; ${command}`], {
    encoding: 'utf8',
  });
  const [conninfo = ''] = words.split('\n');
  expect(parseConnectionString(conninfo, {})).toMatchObject(source);
});

describe('ticks', () => {
  test('are shown with the step that they belong to, and others are passed over', () => {
    const ticked = { 'no-ddl': '2026-11-22T10:00:00.000Z', 'mst-maintenance': '2026-11-22T10:00:00.000Z' };
    const items = stepsFor(setting('rds', SOURCES.rds), ticked);
    expect(items.filter((item) => item.ticked !== null).map(({ id }) => id)).toEqual(['no-ddl']);
  });
});

describe('what each kind has', () => {
  const COMMON = [
    'target-service-size',
    'machine-region',
    'machine-size',
    'target-maintenance',
    'no-ddl',
    'application-switch',
  ];
  test.each(PROVIDERS)('%s: the steps of every source', (provider) => {
    expect(stepsOf(provider).map(({ id }) => id)).toEqual(expect.arrayContaining(COMMON));
  });

  test('RDS: instance, region and port stand in the commands', () => {
    const text = commandsOf(setting('rds', SOURCES.rds)).join('\n');
    expect(text).toContain(
      `aws rds describe-db-instances --db-instance-identifier shop --region eu-west-1 --query 'DBInstances[0].[DBParameterGroups,PendingModifiedValues]'`,
    );
    expect(text).toContain('Name=DBInstanceIdentifier,Value=shop --region eu-west-1');
    expect(text).toContain('aws ec2 authorize-security-group-ingress --region eu-west-1');
    expect(text).toContain('--protocol tcp --port 5432');
    expect(text).toContain('pg_isready -h shop.c9akciq32.eu-west-1.rds.amazonaws.com -p 5432');
  });

  test('Aurora: the cluster by its writer endpoint', () => {
    const text = commandsOf(
      setting('rds', 'postgres://m:hush@shop.cluster-c9akciq32.us-east-2.rds.amazonaws.com/shop'),
    ).join('\n');
    expect(text).toContain('aws rds describe-db-clusters --db-cluster-identifier shop --region us-east-2');
    expect(text).not.toContain('--db-instance-identifier shop');
  });

  test('a server of your own: the line of pg_hba.conf', () => {
    const lineOf = (source: string) =>
      stepsFor(setting('selfhosted-postgres', source), {})
        .find(({ id }) => id === 'selfhosted-pg-hba')
        ?.how.find((line) => line.includes('hostssl'));
    expect(lineOf(SOURCES['selfhosted-postgres'])).toContain('hostssl  shop  app  ADDRESS/32  scram-sha-256');
    expect(lineOf('host=h user=all dbname=replication')).toContain('hostssl  "replication"  "all"  ADDRESS/32');
    // Whoever runs there has no pg_hba.conf.
    expect(lineOf('postgres://u:hush@shop.postgres.database.azure.com/shop')).toBeUndefined();
  });

  test('a managed service in the self-hosted tabs: what is different there', () => {
    const of = (source: string) =>
      stepsFor(setting('selfhosted-postgres', source), {}).find(({ id }) => id === 'selfhosted-managed-service');
    expect(of(SOURCES['selfhosted-postgres'])).toBeUndefined();
    const neon = of('postgres://u:hush@ep-cool-1-pooler.eu-central-1.aws.neon.tech/shop');
    expect(neon?.how.join(' ')).toMatch(/one of Neon.*compute.*ep-cool-1\.eu-central-1\.aws\.neon\.tech/);
  });

  test('MST: the service by its name', () => {
    expect(commandsOf(setting('mst', SOURCES.mst)).join('\n')).toContain('avn service update metrics-demo');
  });
});
