import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withClient } from '../support/test-servers.ts';
import { atLeast, type Play, play, STAGES } from '../support/timescaledb/play.ts';
import type { Stage } from '../support/timescaledb/stage.ts';

/** From 2.28 on the owner of the database may pause the jobs of anybody; nobody else may. */
async function ownDatabaseNoMore({ stage, source, run }: Play): Promise<void> {
  if (stage.real && atLeast(stage.version, '2.28')) expect((await run('timescaledb-jobs')).status).toBe('info');
  await source.admin(`ALTER DATABASE ${source.name} OWNER TO CURRENT_USER`);
}

for (const { title, absent, open } of STAGES) {
  describe.skipIf(absent)(`given ${title}`, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await open();
    });
    afterAll(() => stage.stop());

    describe('compression', () => {
      test('needs marks in the stream', () =>
        play(stage, async ({ run }) => {
          const result = await run('timescaledb-compression-markers');
          if (atLeast(stage.version, '2.16')) {
            expect(result).toMatchObject({ status: 'pass', found: `${stage.version} sends marks` });
          } else {
            expect(result).toMatchObject({
              status: 'fail',
              code: 'TM1210',
              found: `hypertables are compressed, and ${stage.version} sends no marks`,
            });
            expect(result.fix).toContain('ALTER EXTENSION timescaledb UPDATE');
          }
        }));

      test('deletes of whole batches must be off, for every role', () =>
        play(stage, async ({ source, run, apply }) => {
          const id = 'timescaledb-direct-batch-delete';
          const name = 'timescaledb.enable_compressed_direct_batch_delete';
          if (!atLeast(stage.version, '2.17')) {
            expect(await run(id)).toMatchObject({ status: 'pass', found: `${stage.version} cannot do that` });
            return;
          }
          const before = await run(id);
          expect(before).toMatchObject({ status: 'fail', code: 'TM1215', found: `${name} = on` });
          await apply(before);
          expect(await run(id)).toMatchObject({ status: 'pass', found: 'off' });
          // Of a session that was open nobody can say what it has.
          await withClient(source.uri, async () => {
            const open = await run(id);
            expect(open.status).toBe('warn');
            expect(open.found).toContain('off for new sessions; 1 other session');
          });
          await source.admin(`ALTER ROLE jobkeeper IN DATABASE ${source.name} SET ${name} = on`);
          const ofRole = await run(id, 'superuser');
          expect(ofRole).toMatchObject({ status: 'fail', found: `${name} = on for role jobkeeper` });
          await apply(ofRole, 'superuser');
          expect((await run(id)).status).toBe('pass');
          // Our own role's setting says nothing about the others.
          await source.admin(`ALTER DATABASE ${source.name} RESET ${name};
            ALTER ROLE migrator IN DATABASE ${source.name} SET ${name} = off`);
          expect(await run(id)).toMatchObject({ status: 'fail', found: `${name} = on` });
        }));

      test('so must inserts that go straight into it', () =>
        play(stage, async ({ source, run, apply }) => {
          const id = 'timescaledb-direct-compress';
          if (!atLeast(stage.version, '2.23')) return expect(await run(id)).toMatchObject({ status: 'pass' });
          const insert = 'timescaledb.enable_direct_compress_insert';
          const copy = 'timescaledb.enable_direct_compress_copy';
          expect(await run(id)).toMatchObject({ status: 'pass', found: 'off' });
          await source.admin(`ALTER DATABASE ${source.name} SET ${insert} = on;
            ALTER ROLE jobkeeper IN DATABASE ${source.name} SET ${copy} = on`);
          const refused = await run(id);
          expect(refused).toMatchObject({
            status: 'fail',
            code: 'TM1215',
            found: `${insert} = on, ${copy} = on for role jobkeeper`,
            apply: null,
          });
          expect(refused.fix).toContain('As a superuser');
          await apply(await run(id, 'superuser'), 'superuser');
          expect((await run(id)).status).toBe('pass');
        }));

      test('of rows that are changed all the time is told', () =>
        play(stage, async ({ source, run }) => {
          const id = 'timescaledb-compressed-changes';
          expect(await run(id)).toMatchObject({ status: 'pass', found: 'none' });
          await source.admin(
            stage.real
              ? "INSERT INTO public.metrics VALUES ('2026-01-01 12:30', 1, 1)"
              : 'UPDATE _timescaledb_catalog.chunk SET status = 9 WHERE id = (SELECT min(id) FROM _timescaledb_catalog.chunk WHERE status = 1)',
          );
          expect(await run(id)).toMatchObject({
            status: 'warn',
            found: 'public.metrics: 1 of 2 compressed chunks',
          });
        }));
    });

    describe('policies and jobs', () => {
      test('are listed, and pausing those of another role is tried', () =>
        play(stage, async (given) => {
          const { source, run } = given;
          await ownDatabaseNoMore(given);
          const refused = await run('timescaledb-jobs');
          expect(refused).toMatchObject({ status: 'fail', code: 'TM1212', apply: null });
          expect(refused.found.split('\n')).toEqual([
            '1005 retention of public.kept, owner jobkeeper: paused during the migration, but this role may not pause it',
            '1000 compression of public.metrics, owner migrator: paused during the migration',
            '1001 retention of public.metrics, owner migrator: paused during the migration',
            '1002 reorder of public.readings, owner migrator: paused during the migration',
            '1003 refresh of public.metrics_hourly, owner migrator: goes on',
            '1004 user-defined public.count_rows, owner migrator: goes on',
          ]);
          expect(refused.fix).toContain('GRANT "jobkeeper" TO "migrator";');
          if (!stage.real) {
            await source.admin(
              "INSERT INTO timescaledb_information.job_stats (job_id, job_status) VALUES (1002, 'Running')",
            );
            expect((await run('timescaledb-jobs')).found).toContain('paused during the migration (running now)');
          }
          // The owner pauses it by hand.
          await source.admin(refused.fix.slice(refused.fix.indexOf('SELECT')));
          const paused = await run('timescaledb-jobs');
          expect(paused.status).toBe('info');
          expect(paused.found).toContain('1005 retention of public.kept, owner jobkeeper: not scheduled');
        }));

      test('a role that may grant it is offered the membership', () =>
        play(stage, async (given) => {
          const { source, run, apply } = given;
          await ownDatabaseNoMore(given);
          // The role is the server's, where other tests want it as it was.
          await source.admin('ALTER ROLE migrator CREATEROLE');
          try {
            const refused = await run('timescaledb-jobs');
            expect(refused.apply?.sql).toEqual(['GRANT "jobkeeper" TO "migrator"']);
            await apply(refused);
            expect(await run('timescaledb-jobs')).toMatchObject({ status: 'info', apply: null });
          } finally {
            await source.admin('ALTER ROLE migrator NOCREATEROLE; REVOKE jobkeeper FROM migrator');
          }
          // Nobody is made a superuser for a job.
          await source.admin('ALTER ROLE jobkeeper SUPERUSER');
          try {
            const refused = await run('timescaledb-jobs');
            expect(refused).toMatchObject({ status: 'fail', apply: null });
            expect(refused.fix).not.toContain('GRANT');
          } finally {
            await source.admin('ALTER ROLE jobkeeper NOSUPERUSER');
          }
        }));

      test('retention says what happens meanwhile', () =>
        play(stage, async ({ run }) => {
          const { status, found, fix } = await run('timescaledb-retention');
          expect(status).toBe('info');
          expect(found.split('\n')).toEqual([
            'public.metrics: drops chunks older than 20 years',
            'public.kept: drops chunks older than 20 years',
          ]);
          expect(fix).toContain('CALL run_job(1001); CALL run_job(1005);');
        }));
    });
  });
}
