import { expect } from 'vitest';
import { formatLsn, type Lsn } from '../../../src/postgres/lsn.ts';
import { test } from '../../support/databases.ts';
import { LiveReplay } from '../apply/harness.ts';
import { PRESENT_PLUGINS } from '../apply/modes.ts';
import { committedIn, insertedIn } from '../hazards/stage.ts';

interface Committed {
  readonly id: number;
  readonly commit: Lsn;
  readonly end: Lsn;
}

/** What pgoutput says of the same WAL, whichever plugin is tried. */
async function committed(live: LiveReplay, watcher: string): Promise<Committed[]> {
  const { rows } = await live.source.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', 'watch')`,
    [watcher],
  );
  let id = 0;
  return rows.flatMap(({ data }) => {
    id = Number(insertedIn(data) ?? id);
    const ended = committedIn(data);
    return ended ? [{ id, ...ended }] : [];
  });
}

test.for(
  PRESENT_PLUGINS,
)('a target that holds the first of two commits back to back gets the second, and not the first again (%s)', async (plugin, {
  databases,
}) => {
  await using live = await LiveReplay.start(databases, { plugin, tables: 'CREATE TABLE log (id int PRIMARY KEY)' });
  const watcher = `${live.slot}_watch`;
  await live.source.query('CREATE PUBLICATION watch FOR TABLE log');
  await live.source.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [watcher]);
  const other = await databases.source.connect();
  await other.query('SET synchronous_commit = on');
  let pair: readonly [Committed, Committed] | null = null;
  for (let attempt = 0; pair === null; attempt += 1) {
    await live.source.query(`BEGIN; INSERT INTO log VALUES (${attempt * 2})`);
    await other.query(`BEGIN; INSERT INTO log VALUES (${attempt * 2 + 1})`);
    await Promise.all([live.source.query('COMMIT'), other.query('COMMIT')]);
    const [one, two] = (await committed(live, watcher)).slice(-2);
    if (one && two && one.end === two.commit) pair = [one, two];
  }
  const [first, second] = pair;
  await live.source.query('INSERT INTO log VALUES (-1)');
  await live.expectEqual();
  await live.stop();
  const applied = await live.changesApplied();

  // As if the target had crashed behind the first of the two: the spool holds both of them, and more.
  await live.target.query('DELETE FROM log WHERE id IN ($1, -1)', [second.id]);
  await live.target.query('UPDATE tiger_migrate.progress SET applied_lsn = $1', [formatLsn(first.end)]);
  await live.resume();
  await live.expectEqual();
  expect((await live.changesApplied()) - applied).toBe(2);
  await live.source.query('SELECT pg_drop_replication_slot($1)', [watcher]);
  await live.source.query('DROP PUBLICATION watch');
});
