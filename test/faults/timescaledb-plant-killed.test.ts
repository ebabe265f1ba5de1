import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clean } from '../../src/engine/clean/clean.ts';
import type { CutoverStep, EngineEvent } from '../../src/engine/events.ts';
import { EngineClient } from '../../src/engine/process/client.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { newRows, plant } from '../scenarios/timescaledb/plant.ts';
import { plantDiffers } from '../scenarios/timescaledb/plant-differs.ts';
import { Hypertables, NO_TIMESCALEDB } from '../scenarios/timescaledb/stage.ts';
import { Storm } from '../scenarios/timescaledb/storm.ts';
import { jobsExactly, jobsOf, placeOfJobs } from '../support/timescaledb/contents.ts';
import { realServer } from '../support/timescaledb/play.ts';
import { EngineProcess } from './engine-process.ts';
import { Hold } from './hold.ts';

/** Where the engine is stopped by a lock of somebody else, and killed. */
interface Moment {
  readonly name: string;
  readonly step: CutoverStep;
  readonly hold: () => Promise<Hold>;
  /** Taken once the first one is waited for, which is released then: an earlier step would wait for it, too. */
  readonly behind?: () => Promise<Hold>;
}

/** As the superuser, where everything may be locked. */
function momentsOf(stage: Hypertables): Moment[] {
  const on = (side: 'source' | 'target', lock: string) => Hold.take(stage.superuser(side), lock);
  const jobs = async (side: 'source' | 'target') =>
    on(side, `LOCK TABLE ${await placeOfJobs(stage.asSuperuser(side))} IN SHARE MODE`);
  return [
    { name: 'fence', step: 'fence', hold: () => Hold.take(realServer, 'LOCK TABLE pg_db_role_setting IN SHARE MODE') },
    {
      name: 'drain',
      step: 'drain',
      hold: async () => {
        const hold = await on('target', 'LOCK TABLE devices IN SHARE MODE');
        await stage.on('source', `UPDATE devices SET name = 'the last' WHERE id = 30`);
        return hold;
      },
    },
    {
      name: 'sequences',
      step: 'sequences',
      hold: () => on('target', 'ALTER SEQUENCE devices_serial_seq RENAME TO other'),
    },
    {
      name: 'the refresh of aggregates',
      step: 'objects',
      hold: async () => on('target', `LOCK TABLE ${await storageOf(stage, 'hourly')} IN SHARE MODE`),
    },
    { name: 'the making of jobs', step: 'objects', hold: () => jobs('target') },
    {
      name: 'verify',
      step: 'verify',
      hold: () => jobs('target'),
      behind: () => on('target', 'LOCK TABLE tiger_migrate.progress IN SHARE MODE'),
    },
    // The fence ends whoever is on the source before it.
    { name: 'report', step: 'report', hold: () => jobs('target'), behind: () => jobs('source') },
  ];
}

async function storageOf(stage: Hypertables, view: string): Promise<string> {
  const [row] = await stage.on(
    'target',
    `SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS name
       FROM timescaledb_information.continuous_aggregates WHERE view_name = '${view}'`,
  );
  return String(row?.name);
}

const inPhase = (phase: string) => (event: EngineEvent) => event.type === 'phase' && event.phase === phase;
const said = (text: string) => (event: EngineEvent) => event.type === 'log' && event.text.includes(text);

test.skipIf(NO_TIMESCALEDB)(
  'kill -9 in each phase and in each step of the cut-over of a database with aggregates and jobs, resumed each time: all equal, the jobs as before and made once',
  { timeout: 600_000 },
  async () => {
    await using stage = await Hypertables.create();
    for (const sql of plant({ compressed: true })) await stage.on('source', sql);
    const before = await jobsExactly(stage.asSuperuser('source'));
    const directory = await mkdtemp(join(tmpdir(), 'tm-plant-'));
    const args = ['--dir', directory, '--table-jobs', '2', '--index-jobs', '1', '--freeze-source'];
    const env = { SOURCE: stage.source, TARGET: stage.target };
    let engine = new EngineProcess(args, env);
    const again = async () => {
      await engine.kill('SIGKILL');
      engine = new EngineProcess([...args, '--resume'], env);
    };
    const ask = async () => {
      const client = await EngineClient.attach(directory);
      await client?.request({
        action: 'cutover',
        confirm: stage.targetDatabase,
        freezeSource: true,
        override: 'a test',
      });
      client?.detach();
    };
    try {
      await using storm = new Storm(await stage.session('source'), 7);
      // Jobs are paused, the slot is not made yet.
      await engine.saw(said('Paused on the source'));
      await again();
      await engine.saw(inPhase('schema'));
      await again();
      await engine.saw((event) => event.type === 'table' && event.state === 'copied');
      await again();
      await engine.saw(inPhase('replay'));
      await engine.kill('SIGKILL');
      const filling = await Hold.take(
        stage.superuser('target'),
        `LOCK TABLE ${await storageOf(stage, 'by_number')} IN SHARE MODE`,
      );
      await again();
      await filling.waited();
      await again();
      await filling.release();
      await storm.stop();
      await engine.saw((event) => event.type === 'replay');
      const moments = momentsOf(stage);
      for (const [n, { name, step, hold: take, behind }] of moments.entries()) {
        await engine.saw((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
        let hold = await take();
        await ask();
        await hold.waited();
        if (behind) {
          const next = await behind();
          await hold.release();
          hold = next;
          await hold.waited();
        }
        await engine.saw((event) => event.type === 'cutover' && event.step === step && event.state === 'running');
        await again();
        await hold.release();
        if (n === moments.length - 1) break;
        await engine.saw(inPhase('replay'));
        expect(await jobsOf(stage.asSuperuser('target')), `as if ${name} had not been tried`).toEqual([]);
        await stage.on('source', newRows(300 + n * 10));
      }
      // With its COMMIT on the target the migration was done: what is left is to leave the source, to compress, and to clean.
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(await jobsExactly(stage.asSuperuser('source'))).toEqual(before);
      const slots = 'SELECT FROM pg_replication_slots WHERE database = current_database()';
      expect(await stage.asSuperuser('source')(slots)).toEqual([]);
      const [source, target] = await Promise.all(
        (['source', 'target'] as const).map((side) =>
          connect(parseConnectionString(stage[side], {}), { side, application: 'clean' }),
        ),
      );
      if (!source || !target) throw new Error('no session');
      await clean(source, target, null, { unfreeze: true }).finally(() => [source, target].map(destroy));
      expect(await plantDiffers(stage)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  },
);
