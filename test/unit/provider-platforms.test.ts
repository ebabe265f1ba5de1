import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { inBaseUnit } from '../../src/providers/base-unit.ts';
import { type Place, type Platform, shellWord } from '../../src/providers/platforms/platform.ts';
import { MANAGED, platformOfHost } from '../../src/providers/platforms.ts';
import { endpointOf } from '../../src/providers/rds/endpoint.ts';

const named = (id: Platform['id']): Platform => {
  const found = MANAGED.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no platform ${id}`);
  return found;
};
const place = (host: string, port = 5432): Place => ({ host, port, database: 'shop', user: 'app', major: 16 });
const commandsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^Command(?: \([^)]*\))?(?:, [^:]*)?: (.*)$/.exec(line)?.[1] ?? []);

const WAL_LEVEL = { name: 'wal_level', value: 'logical', raw: 'logical', restart: true };
const TIMEOUT = { name: 'wal_sender_timeout', value: '60s', raw: '60000', restart: false };

test.each([
  ['60s', 'ms', '60000'],
  ['1min', 'ms', '60000'],
  ['0', 'ms', '0'],
  ['-1', 'MB', '-1'],
  ['10GB', 'MB', '10240'],
  ['128MB', '8kB', '16384'],
  ['1d', 's', '86400'],
  ['1d', 'min', '1440'],
  ['500ms', 's', '1'],
  ['logical', null, 'logical'],
  ['60s', null, '60s'],
  ['60s', 'MB', '60s'],
  ['3 furlongs', 'ms', '3 furlongs'],
])('%s of a parameter in %s is %s', (value, unit, raw) => expect(inBaseUnit(value, unit)).toBe(raw));

test.each([
  ['shop.c9akciq32.eu-west-1.rds.amazonaws.com', 'instance', 'shop', 'eu-west-1'],
  ['SHOP.C9akciq32.us-gov-west-1.rds.amazonaws.com', 'instance', 'SHOP', 'us-gov-west-1'],
  ['shop.c9akciq32.rds.cn-north-1.amazonaws.com.cn', 'instance', 'shop', 'cn-north-1'],
  ['shop.cluster-c9akciq32.us-east-2.rds.amazonaws.com', 'writer', 'shop', 'us-east-2'],
  ['shop.cluster-ro-c9akciq32.us-east-2.rds.amazonaws.com', 'reader', 'shop', 'us-east-2'],
  ['any.cluster-custom-c9akciq32.us-east-2.rds.amazonaws.com', 'custom', null, 'us-east-2'],
  ['shop.proxy-c9akciq32.us-east-2.rds.amazonaws.com', 'proxy', null, 'us-east-2'],
  ['ro.endpoint.proxy-c9akciq32.us-east-2.rds.amazonaws.com', 'proxy', null, 'us-east-2'],
])('%s is the %s endpoint of %s in %s', (host, kind, identifier, region) =>
  expect(endpointOf(host)).toEqual({ kind, identifier, region }));

test.each([
  '127.0.0.1',
  'db.example.com',
  'rds.amazonaws.com',
  'shop.rds.amazonaws.com.example.com',
])('%s is no endpoint of RDS', (host) => expect(endpointOf(host)).toBeNull());

test.each([
  ['shop.c9.eu-west-1.rds.amazonaws.com', 'rds'],
  ['shop.cluster-c9.eu-west-1.rds.amazonaws.com', 'aurora'],
  ['metrics.a.timescaledb.io', 'mst'],
  ['abc.def.tsdb.cloud.timescale.com', 'tiger-cloud'],
  ['shop.postgres.database.azure.com', 'azure'],
  ['db.abcdefgh.supabase.co', 'supabase'],
  ['aws-0-eu-central-1.pooler.supabase.com', 'supabase'],
  ['ep-cool-1.eu-central-1.aws.neon.tech', 'neon'],
  ['shop-do-user-1-0.b.db.ondigitalocean.com', 'digitalocean'],
  ['db.example.com', undefined],
])('the host name %s is of %s', (host, id) => expect(platformOfHost(host)?.id).toBe(id));

describe('an address that carries no replication is told, with the right one', () => {
  test.each([
    ['rds', 'shop.proxy-c9.eu-west-1.rds.amazonaws.com', 5432, /RDS Proxy/],
    ['aurora', 'shop.cluster-ro-c9.eu-west-1.rds.amazonaws.com', 5432, /writer endpoint/],
    ['supabase', 'db.abcdefgh.supabase.co', 6543, /db\.abcdefgh\.supabase\.co, port 5432/],
    ['supabase', 'aws-0-eu-central-1.pooler.supabase.com', 5432, /Direct connection/],
    ['neon', 'ep-cool-1-pooler.eu-central-1.aws.neon.tech', 5432, /: ep-cool-1\.eu-central-1\.aws\.neon\.tech/],
    ['azure', 'shop.postgres.database.azure.com', 6432, /5432/],
    ['digitalocean', 'shop.b.db.ondigitalocean.com', 25061, /25060/],
    ['tiger-cloud', 'abc-pooler.def.tsdb.cloud.timescale.com', 5432, /pooler/],
  ] as const)('%s, %s port %i', (id, host, port, words) => {
    expect(named(id).wrongAddress?.(place(host, port))).toMatch(words);
  });

  test.each([
    ['rds', 'shop.c9.eu-west-1.rds.amazonaws.com', 5432],
    ['aurora', 'shop.cluster-c9.eu-west-1.rds.amazonaws.com', 5432],
    ['supabase', 'db.abcdefgh.supabase.co', 5432],
    ['neon', 'ep-cool-1.eu-central-1.aws.neon.tech', 5432],
    ['azure', 'shop.postgres.database.azure.com', 5432],
    ['digitalocean', 'shop.b.db.ondigitalocean.com', 25060],
  ] as const)('%s, %s port %i is right', (id, host, port) => {
    expect(named(id).wrongAddress?.(place(host, port))).toBeNull();
  });
});

describe.each(MANAGED.map((one) => [one.label, one] as const))('%s', (_, one) => {
  const host = `db.example.com`;

  test('says how a parameter is changed, the server restarted and the right given', () => {
    const lines = [
      ...one.change(WAL_LEVEL, place(host)),
      ...one.change(TIMEOUT, place(host)),
      ...one.restart(place(host)),
      ...one.grantReplication(place(host)),
    ];
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line).not.toMatch(/\n|undefined|null|\[object/);
    for (const command of commandsOf(lines)) execFileSync('sh', ['-n', '-c', command]);
  });

  test('is told by something', () => {
    expect(Object.values(one.signs).flat().length).toBeGreaterThan(0);
  });
});

describe('the words of each platform', () => {
  const changeOf = (id: Platform['id'], host: string, change = WAL_LEVEL) =>
    named(id).change(change, place(host)).join('\n');

  test('RDS: wal_level is rds.logical_replication, the names come from the host name', () => {
    const text = changeOf('rds', 'shop.c9.eu-west-1.rds.amazonaws.com');
    expect(text).toContain('rds.logical_replication = 1');
    expect(text).toContain(
      'aws rds create-db-parameter-group --db-parameter-group-name tiger-migration --db-parameter-group-family postgres16',
    );
    expect(text).toContain(
      'aws rds modify-db-instance --db-instance-identifier shop --region eu-west-1 --db-parameter-group-name tiger-migration --apply-immediately',
    );
    expect(text).toContain(
      'aws rds modify-db-parameter-group --db-parameter-group-name GROUP --region eu-west-1 --parameters ParameterName=rds.logical_replication,ParameterValue=1,ApplyMethod=pending-reboot',
    );
    expect(text).toContain('aws rds reboot-db-instance --db-instance-identifier shop --region eu-west-1');
  });

  test('RDS: what needs no restart is applied at once, in the base unit', () => {
    const text = changeOf('rds', 'shop.c9.eu-west-1.rds.amazonaws.com', TIMEOUT);
    expect(text).toContain('ParameterName=wal_sender_timeout,ParameterValue=60000,ApplyMethod=immediate');
    expect(text).not.toContain('reboot-db');
  });

  test('Aurora: the group of the cluster, and the writer is rebooted', () => {
    const text = changeOf('aurora', 'shop.cluster-c9.us-east-2.rds.amazonaws.com');
    expect(text).toContain('aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name GROUP');
    expect(text).toContain('--db-parameter-group-family aurora-postgresql16');
    expect(text).toContain('aws rds modify-db-cluster --db-cluster-identifier shop --region us-east-2');
    expect(text).toContain('IsClusterWriter');
    expect(text).toContain('aws rds reboot-db-instance --db-instance-identifier INSTANCE --region us-east-2');
  });

  test('Aurora by the endpoint of an instance: how to find the cluster', () => {
    const text = changeOf('aurora', 'shop-1.c9.us-east-2.rds.amazonaws.com');
    expect(text).toContain(
      "--db-instance-identifier shop-1 --region us-east-2 --query 'DBInstances[0].DBClusterIdentifier'",
    );
    expect(text).toContain('aws rds reboot-db-instance --db-instance-identifier shop-1 --region us-east-2');
  });

  test('a Multi-AZ DB cluster without Aurora: the cluster is rebooted', () => {
    const text = changeOf('rds', 'shop.cluster-c9.us-east-2.rds.amazonaws.com');
    expect(text).toContain('--db-parameter-group-family postgres16');
    expect(text).toContain('aws rds reboot-db-cluster --db-cluster-identifier shop --region us-east-2');
  });

  test('RDS behind another name: says so', () => {
    expect(changeOf('rds', 'db.example.com')).toContain('INSTANCE, CLUSTER and REGION are those of your database');
  });

  test.each([
    [
      'cloud-sql',
      'gcloud sql instances patch INSTANCE --database-flags=FLAGS_SET_ALREADY,cloudsql.logical_decoding=on',
    ],
    ['alloydb', '--database-flags=FLAGS_SET_ALREADY,alloydb.logical_decoding=on'],
    [
      'azure',
      'az postgres flexible-server parameter set --resource-group GROUP --server-name shop --name wal_level --value logical',
    ],
    ['supabase', 'postgres-config update --config wal_level=logical'],
    ['neon', '"enable_logical_replication":true'],
    ['digitalocean', 'doctl databases configuration update CLUSTER_ID --engine pg'],
    ['tiger-cloud', 'Database parameters'],
    ['heroku', "can't be changed"],
  ] as const)('%s', (id, words) => {
    expect(changeOf(id, 'shop.postgres.database.azure.com')).toContain(words);
  });
});

test.each([
  ['shop', 'shop'],
  ['a b', "'a b'"],
  ["o'dd", `'o'\\''dd'`],
  ['$(id)', "'$(id)'"],
  ['', "''"],
])('the word %j for a shell is %s', (word, quoted) => {
  expect(shellWord(word)).toBe(quoted);
  expect(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word);
});
