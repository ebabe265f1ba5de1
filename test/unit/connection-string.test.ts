import { describe, expect, test } from 'vitest';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import {
  type ConnectionSettings,
  describeServer,
  parseConnectionString,
  sameDatabase,
} from '../../src/postgres/connection-string.ts';

const ENV = { HOME: '/home/op' };
const parse = (text: string, env: Record<string, string> = {}) => parseConnectionString(text, { ...ENV, ...env });

function failure(text: string, env: Record<string, string> = {}): MigrateError {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof MigrateError) return error;
    throw error;
  }
  throw new Error('it was understood');
}

describe('a URI', () => {
  const cases: [string, Partial<ConnectionSettings>][] = [
    ['postgres://u:p@h:5433/d', { user: 'u', password: 'p', host: 'h', port: 5433, database: 'd' }],
    ['postgresql://u@h', { user: 'u', password: null, host: 'h', port: 5432, database: 'u' }],
    ['postgres://u:@h/d', { password: null }],
    ['  postgres://u@h/d\n', { host: 'h', database: 'd' }],
    ['postgres://a%40b:p%3A%2F%25%40@h/my%20db', { user: 'a@b', password: 'p:/%@', database: 'my db' }],
    ['postgres://u:p?w#+x@h/d', { password: 'p?w#+x', host: 'h', database: 'd' }],
    ['postgres://u:a:b@h/d', { password: 'a:b' }],
    ['postgres://u@[::1]:5433/d', { host: '::1', port: 5433, database: 'd' }],
    ['postgres://u@[fe80::1%25eth0]/d', { host: 'fe80::1%eth0' }],
    ['postgres://u@%2Fvar%2Frun/d', { host: '/var/run', database: 'd' }],
    ['postgres://u@h:/d', { port: 5432 }],
    ['postgres://u@h/', { database: 'u' }],
    ['postgres:///d?host=/tmp&user=x&port=6000', { host: '/tmp', user: 'x', port: 6000, database: 'd' }],
    ['postgres://u@h/d?', { database: 'd' }],
    ['postgres://u@h/d?port=1&', { port: 1 }],
    ['postgres://h/d?user=x&password=a%26b', { user: 'x', password: 'a&b' }],
    ['postgres://u@h/d?dbname=e', { database: 'e' }],
    ['postgres://u@h?sslmode=require', { sslmode: 'require', database: 'u' }],
    ['postgres://u@h/d?ssl=true', { sslmode: 'require' }],
    ['postgres://u@h/d?options=-c%20geqo%3Doff&connect_timeout=3', { options: '-c geqo=off', connectTimeoutMs: 3000 }],
    ['postgres://u@h/d?application_name=psql&tcp_user_timeout=5', { host: 'h' }],
    ['postgres://u:ü😀@h/d%C3%BC', { password: 'ü😀', database: 'dü' }],
  ];
  test.each(cases)('%s', (text, expected) => expect(parse(text)).toMatchObject(expected));
});

describe('key=value', () => {
  const cases: [string, Partial<ConnectionSettings>][] = [
    ['host=h port=5433 user=u password=p dbname=d', { host: 'h', port: 5433, user: 'u', password: 'p', database: 'd' }],
    ['host = h  user= u dbname =d', { host: 'h', user: 'u', database: 'd' }],
    ["password='a b' user=u", { password: 'a b' }],
    [String.raw`password='it\'s \\ ok' user=u`, { password: String.raw`it's \ ok` }],
    [String.raw`password=a\ b\\c user=u`, { password: String.raw`a b\c`, user: 'u' }],
    ["password='' user=u", { password: null }],
    ["user=u password = 'x=y host=z'", { password: 'x=y host=z' }],
    ['user=u host=h host=i', { host: 'i' }],
    ['user=u\n\thost=h', { host: 'h' }],
    ['user=u dbname=postgres://x@y/z', { database: 'postgres://x@y/z' }],
  ];
  test.each(cases)('%s', (text, expected) => expect(parse(text)).toMatchObject(expected));
});

describe('defaults', () => {
  test('come from the environment, and the string wins', () => {
    const env = {
      PGHOST: 'eh',
      PGPORT: '7000',
      PGUSER: 'eu',
      PGPASSWORD: 'ep',
      PGDATABASE: 'ed',
      PGSSLMODE: 'verify-ca',
      PGSSLROOTCERT: '/r',
      PGSSLCERT: '/c',
      PGSSLKEY: '/k',
      PGCONNECT_TIMEOUT: '7',
      PGPASSFILE: '/p',
    };
    expect(parse('postgres://', env)).toMatchObject({
      host: 'eh',
      port: 7000,
      user: 'eu',
      password: 'ep',
      database: 'ed',
      sslmode: 'verify-ca',
      sslrootcert: '/r',
      sslcert: '/c',
      sslkey: '/k',
      connectTimeoutMs: 7000,
      passfile: '/p',
    });
    expect(parse('postgres://u@h/d?sslmode=disable', env)).toMatchObject({
      host: 'h',
      user: 'u',
      database: 'd',
      sslmode: 'disable',
    });
  });

  test('are those of libpq', () => {
    expect(parse('postgres://u@h')).toMatchObject({
      port: 5432,
      sslmode: 'prefer',
      passfile: '/home/op/.pgpass',
      sslDirectory: '/home/op/.postgresql',
      channelBinding: 'prefer',
      options: null,
    });
    expect(parse('postgres://u@h?connect_timeout=0').connectTimeoutMs).toBe(0);
    expect(parse('postgres://u@h?sslrootcert=system').sslmode).toBe('verify-full');
  });
});

describe('what is refused', () => {
  test.each([
    ['', 'TM1002'],
    ['   ', 'TM1002'],
    ['mydb', 'TM1003'],
    ['mysql://u:hush@h/d', 'TM1003'],
    ['postgres://u:hu/sh@h/d', 'TM1003'],
    ['postgres://u:hu@sh@h/d', 'TM1003'],
    ['postgres://u:1/hush@h/d', 'TM1003'],
    ['postgres://u:hush%4@h/d', 'TM1003'],
    ['postgres://u:hush%00@h/d', 'TM1003'],
    ['postgres://u:hush%ff@h/d', 'TM1003'],
    ['postgres://u:hush@h:port/d', 'TM1003'],
    ['postgres://u:hush@h:70000/d', 'TM1003'],
    ['postgres://u:hush@[::1/d', 'TM1003'],
    ['postgres://u:hush@h/d?sslmode', 'TM1003'],
    ['postgres://u:hush@h/d?sslmode=yes', 'TM1003'],
    ['postgres://u:hush@h/d?schema=public', 'TM1003'],
    ['postgres://u:hush@h/d?password=hush=hush', 'TM1003'],
    ['postgres://u:hush@h/d?connect_timeout=soon', 'TM1003'],
    ['user=u password=my hush', 'TM1003'],
    ['user=u password=my hush=x host=h', 'TM1003'],
    ["user=u password='hush", 'TM1003'],
    ['user=u hush', 'TM1003'],
    ['postgres://u:hush@a:1,b:2/d', 'TM1004'],
    ['host=a,b password=hush', 'TM1004'],
    ['service=x password=hush', 'TM1004'],
    ['postgres://u:hush@h/d?gssencmode=require', 'TM1004'],
    ['postgres://u:hush@h/d?require_auth=scram-sha-256', 'TM1004'],
    ['postgres://u:hush@h/d?sslpassword=hush', 'TM1004'],
    ['postgres://u:hush@h/d?sslcrl=/hush', 'TM1004'],
    ['postgres://u:hush@h/d?target_session_attrs=standby', 'TM1004'],
    ['postgres://u:hush@h/d?sslrootcert=system&sslmode=require', 'TM1004'],
    ['postgres://u:hush@h/d?sslnegotiation=direct', 'TM1004'],
    ['host=@abstract password=hush', 'TM1004'],
  ])('%s → %s, and no piece of the password is told', (text, code) => {
    const error = failure(text);
    expect(error.code).toBe(code);
    expect(JSON.stringify(error.report())).not.toMatch(/\bhu\b|hush|\bsh\b/);
  });

  test('a service from the environment', () => {
    const error = failure('postgres://u@h', { PGSERVICE: 'prod' });
    expect(error.code).toBe('TM1004');
    expect(error.hint).toContain('PGSERVICE');
  });
});

test('a server is described without user and password', () => {
  expect(describeServer(parse('postgres://u:p@h:5433/d'))).toBe('h:5433/d');
  expect(describeServer(parse('postgres://u:p@[::1]/d'))).toBe('[::1]:5432/d');
});

test('the same database is recognised by its name', () => {
  expect(sameDatabase(parse('postgres://u@H/d'), parse('host=h port=5432 dbname=d user=x'))).toBe(true);
  expect(sameDatabase(parse('postgres://u@h/d'), parse('postgres://u@h/e'))).toBe(false);
});
