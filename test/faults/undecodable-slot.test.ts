import { expect } from 'vitest';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

const TABLES = `
CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'a' FROM generate_series(1, 1000) g;
CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT g, 'a' FROM generate_series(1, 1000) g`;
const WORK = `UPDATE t SET v = v || 'b' WHERE id % 3 = 0; TRUNCATE u; INSERT INTO u VALUES (1, 'new')`;
const RECEIVER = / receive\0/;
/** Recorded from 15.18, where a TRUNCATE ran while the slot was made; no statement brings it about for certain. */
const CAN_NOT = ['XX000', 'could not map filenode "base/16385/17670" to relation OID'] as const;

test('a slot that PostgreSQL can not decode its own WAL for: begun again with another one, by itself until replay, then on request', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(TABLES);
  await using proxy = await TcpProxy.start(source.server);
  const of = { source: proxy.uri(source.uri), target: target.uri, targetDatabase: target.name };
  const slots = async () => {
    const rows = await source.admin<{ lsn: string }>(
      'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE database = current_database() AND active',
    );
    return rows.map(({ lsn }) => lsn);
  };
  const streaming = () => until(async () => (await slots()).length === 1, { what: 'the receiver' });

  const first = await Migration.start({ ...of, waitForGo: true });
  await using _first = first;
  await first.until(() => first.of('snapshot').length === 1, 'the snapshot');
  await streaming();
  await source.query(WORK);
  proxy.endWithError(RECEIVER, ...CAN_NOT);
  await first.until(() => first.of('snapshot').length === 2, 'another snapshot');
  expect(first.warnings).toContainEqual(expect.stringMatching(/^All tables are copied again.*TM4010.*can not decode/));
  await streaming();
  await source.query(WORK);
  await first.go();
  await first.until(() => first.of('gate').some(({ id, ok }) => id === 'copied' && ok), 'replay');

  // Now another copy of everything is the operator's decision.
  proxy.endWithError(RECEIVER, ...CAN_NOT);
  expect(await first.ended).toMatchObject({ code: 'TM4010', hint: expect.stringContaining('migrate --resync') });
  await source.query(WORK);
  await using again = await Migration.start({ ...of, resume: { directory: first.directory, resync: [] } });
  await again.until(() => again.of('gate').some(({ id, ok }) => id === 'copied' && ok), 'replay');
  await source.query(WORK);
  await again.cutOver();
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
