import { open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { measureSpool } from '../../../src/engine/spool/segments.ts';
import { test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE log (what text)';
const ROWS = 'INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g';
const WORK = (n: number) => `UPDATE t SET v = v + 1; INSERT INTO log SELECT 'x' FROM generate_series(1, ${n}) g`;

describe('a spool that is not as it was left', () => {
  const spool = async (live: LiveReplay) =>
    (await readdir(live.spoolDirectory)).filter((name) => name.endsWith('.spool')).sort();

  /** Receives with the target's table locked, so that a spool of several segments waits to be applied. */
  async function unapplied(live: LiveReplay): Promise<void> {
    await waiting(live);
    await live.stop();
    await live.target.query('ROLLBACK');
  }

  /** The same, and the engine runs on. */
  async function waiting(live: LiveReplay): Promise<void> {
    await live.target.query('BEGIN; LOCK t');
    const size = async () => (await measureSpool(live.spoolDirectory)).bytes;
    while ((await spool(live)).length < 4) {
      const before = await size();
      await live.transaction(WORK(1000));
      await until(async () => (await size()) > before, { what: 'the next block' });
    }
    await live.allConfirmed();
  }

  async function flipBit(path: string): Promise<void> {
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, Math.floor(size / 2));
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, Math.floor(size / 2));
    await file.close();
  }

  const DAMAGES = [
    { what: 'is deleted', damage: (path: string) => rm(path) },
    { what: 'is cut', damage: (path: string) => truncate(path, 100) },
    { what: 'has a bit flipped', damage: flipBit },
  ];
  const WHICH = [
    { which: 'one in the middle', at: 2 },
    { which: 'the one that is written', at: -1 },
  ];

  test.for(
    DAMAGES.flatMap((one) => WHICH.map((two) => ({ ...one, ...two }))),
  )('while the engine runs: a segment $what, $which; it ends with TM4004 before rows are lost', async ({ damage, at }, {
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
    await waiting(live);
    await damage(join(live.spoolDirectory, (await spool(live)).at(at) ?? ''));
    await live.target.query('ROLLBACK');
    const error = await live.ended();
    expect(error).toMatchObject({ code: 'TM4004', side: 'local' });
    expect(error.hint).toContain('migrate --resync');
  });

  test('a segment is missing at the beginning', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
    await unapplied(live);
    await rm(join(live.spoolDirectory, (await spool(live))[0] ?? ''));
    await live.resume();
    expect(await live.ended()).toMatchObject({ code: 'TM4004' });
  });

  test('a segment is missing in the middle', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
    await unapplied(live);
    await rm(join(live.spoolDirectory, (await spool(live))[1] ?? ''));
    await live.resume();
    expect(await live.ended()).toMatchObject({ code: 'TM4004' });
  });

  test('a byte has changed', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
    await unapplied(live);
    await flipBit(join(live.spoolDirectory, (await spool(live))[1] ?? ''));
    await live.resume();
    expect(await live.ended()).toMatchObject({ code: 'TM4004' });
  });

  test('an engine that resumes finds out what is missing before it begins', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
    await unapplied(live);
    await live.openAgain();
    const segments = await spool(live);
    await truncate(join(live.spoolDirectory, segments.at(-1) ?? ''), 0);
    await expect(live.openAgain()).rejects.toMatchObject({ code: 'TM4004' });
    for (const segment of segments) await rm(join(live.spoolDirectory, segment), { force: true });
    await expect(live.openAgain()).rejects.toMatchObject({ code: 'TM4004' });
  });

  test('nothing is missing when the source has only told how far it came', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
    await live.transaction(WORK(1));
    await live.drain();
    // What is written elsewhere on the server moves the slot beyond the last commit that we have.
    await databases.source.admin('SELECT pg_switch_wal()');
    await live.allConfirmed();
    await live.stop();
    await live.openAgain();
    await live.resume();
    await live.transaction(WORK(1));
    await live.expectEqual();
  });
});
