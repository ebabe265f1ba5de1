import { describe, expect } from 'vitest';
import type { EngineEvent } from '../../src/engine/events.ts';
import { foldProgress, initialProgress, type Progress } from '../../src/engine/progress.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';
import { lagLine } from '../../src/terminal/lag-line.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { Migration } from './whole/migration.ts';

const start = ({ source, target }: TestDatabases) =>
  Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });

/** What every display showed after each event. */
function shown(events: readonly EngineEvent[]): { event: EngineEvent; progress: Progress }[] {
  let progress = initialProgress({ migration_id: 'm', source: 's', target: 't', target_database: 'd' });
  return events.map((event) => {
    progress = foldProgress(progress, event);
    return { event, progress };
  });
}

const ticked = ({ gates }: Progress): string[] => gates.filter(({ ok }) => ok).map(({ id }) => id);
const caughtUp = (migration: Migration) => () => migration.of('replay').at(-1)?.caught_up === true;
const TICKS = ['caught-up', 'writers'];
const position = async ({ source }: TestDatabases): Promise<bigint> => {
  const rows = await source.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
  return parseLsn(rows[0]?.lsn ?? '0/0');
};

describe('what is said of replay', () => {
  test('the first samples are measured from where replay began, not from position 0', async ({ databases }) => {
    const { source } = databases;
    await source.query(`CREATE TABLE t (id int PRIMARY KEY, v text);
      INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g`);
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.until(caughtUp(migration), 'replay to catch up');
    const began = parseLsn(migration.of('snapshot')[0]?.lsn ?? '0/0');
    const most = Number((await position(databases)) - began);
    const reports = migration.of('replay');
    expect(lagLine(reports[0] as (typeof reports)[0])).toContain('measuring');
    for (const report of reports) {
      expect(report.applied_lsn).not.toBe('0/0');
      expect(report.lag_bytes).toBeLessThanOrEqual(most);
      // Samples are at least half a second apart.
      expect(report.target_replay_rate).toBeLessThanOrEqual(most * 2);
      if (report.eta_seconds !== null && !report.caught_up) expect(report.eta_seconds).toBeGreaterThanOrEqual(1);
    }
    await migration.cutOver();
  });

  test('while replay waits for a column on the target, neither caught up nor without writers', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query('CREATE TABLE t (id int PRIMARY KEY)');
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.until(
      () => ticked(shown(migration.events).at(-1)?.progress as Progress).includes('writers'),
      'quiet',
    );
    await source.query('ALTER TABLE t ADD COLUMN v text');
    await source.query(`INSERT INTO t VALUES (1, 'held back')`);
    await migration.until(() => migration.troubleCodes.includes('operator TM2003'), 'replay to wait');
    const before = migration.events.length;
    // The application goes on writing; a few looks at the conditions.
    let id = 1;
    await until(async () => {
      id += 1;
      await source.query(`INSERT INTO t VALUES (${id}, 'more')`);
      return migration.events.slice(before).filter(({ type, ...of }) => type === 'gate' && 'id' in of).length > 30;
    });
    const meanwhile = shown(migration.events).slice(before);
    for (const { progress } of meanwhile) {
      expect(progress.replay.caught_up).toBe(false);
      expect(lagLine(progress.replay)).toContain('interrupted');
      expect(ticked(progress)).not.toEqual(expect.arrayContaining(['caught-up']));
      expect(ticked(progress)).not.toEqual(expect.arrayContaining(['writers']));
    }
    await target.query('ALTER TABLE t ADD COLUMN v text');
    await migration.until(() => migration.troubles.length === 0, 'replay to go on');
    await migration.until(caughtUp(migration), 'replay to catch up');
    const healedAt = migration.events.findLastIndex(({ type }) => type === 'healed');
    const after = shown(migration.events).slice(healedAt);
    expect(lagLine((after[0] as (typeof after)[0]).progress.replay)).toContain('measuring');
    await until(async () => (await target.query('SELECT FROM t')).length === id, { what: 'all rows' });
    await migration.cutOver();
  });

  test('after an outage nothing from before it is shown as if it were of now', async ({ databases }) => {
    const { source } = databases;
    await source.query('CREATE TABLE t (id int PRIMARY KEY)');
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.until(caughtUp(migration), 'replay to catch up');
    await migration.until(() => migration.of('gate').some(({ id, ok }) => id === 'writers' && ok), 'quiet');
    const before = migration.events.length;
    await source.admin(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'tiger-migrate-tui %'`,
    );
    await migration.until(() => migration.events.slice(before).some(({ type }) => type === 'retry'), 'an interruption');
    await migration.until(
      () => migration.events.slice(before).some((event) => event.type === 'phase' && event.phase === 'replay'),
      'another run',
    );
    const from = migration.events.length;
    await migration.until(
      () => migration.events.slice(from).some((event) => event.type === 'replay' && event.caught_up),
      'replay to catch up again',
    );
    const all = shown(migration.events);
    const troubledAt = all.findIndex(({ event }, at) => at >= before && event.type === 'retry');
    const measuredAt = all.findIndex(({ event }, at) => at >= from && event.type === 'replay' && event.caught_up);
    for (const { progress } of all.slice(troubledAt, measuredAt)) {
      expect(progress.replay.caught_up).toBe(false);
      expect(lagLine(progress.replay)).not.toMatch(/caught up/);
      for (const tick of TICKS) expect(ticked(progress)).not.toContain(tick);
    }
    await migration.cutOver();
  });
});
