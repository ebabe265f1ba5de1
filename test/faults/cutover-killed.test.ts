import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CUTOVER_STEPS, type CutoverStep } from '../../src/engine/events.ts';
import { EngineClient } from '../../src/engine/process/client.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { uriOf } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import { EngineProcess } from './engine-process.ts';
import { Hold, holding } from './hold.ts';

const TABLES = `
CREATE TABLE parent (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
CREATE TABLE child (id serial PRIMARY KEY, parent int NOT NULL REFERENCES parent, v text); CREATE INDEX ON child (v);
CREATE TABLE log (v text); ALTER TABLE log REPLICA IDENTITY FULL;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (NEW.v); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE quiet AS ON UPDATE TO log DO ALSO NOTHING;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM child;
INSERT INTO parent (v) SELECT 'p' || g FROM generate_series(1, 1000) g; INSERT INTO child (parent, v) SELECT id, v FROM parent`;

/** Tells a lost or a doubled write: the log has no key. */
const write = (n: number) => `INSERT INTO parent (v) VALUES ('new ${n}');
INSERT INTO child (parent, v) SELECT max(id), 'new ${n}' FROM parent; UPDATE child SET v = v || 'y' WHERE id % 100 = 0`;

/** Asks for the cut-over, and lets the engine come to one of its steps and no further. */
const HELD: Record<CutoverStep, (databases: TestDatabases, ask: () => Promise<void>) => Promise<Hold>> = {
  // The ALTER DATABASE that freezes the source is under way; a session in that database would be ended.
  fence: ({ source }, ask) => {
    const { server } = source;
    const elsewhere = uriOf(server, 'postgres', server.superuser, server.password);
    return holding(() => Hold.take(elsewhere, 'LOCK TABLE pg_db_role_setting IN SHARE MODE'), ask);
  },
  drain: async ({ source, target }, ask) => {
    const hold = await Hold.take(target.superuserUri, 'LOCK TABLE public.log IN SHARE MODE');
    await source.query(`INSERT INTO log VALUES ('the last')`);
    return holding(async () => hold, ask);
  },
  sequences: ({ target }, ask) =>
    holding(() => Hold.take(target.superuserUri, 'ALTER SEQUENCE public.child_id_seq RENAME TO other'), ask),
  objects: ({ target }, ask) =>
    holding(() => Hold.take(target.superuserUri, 'LOCK TABLE public.log IN ROW EXCLUSIVE MODE'), ask),
  verify: (databases, ask) => behindObjects(databases, ask, databases.target, 'tiger_migrate.progress'),
  report: (databases, ask) => behindObjects(databases, ask, databases.source, 'pg_publication'),
};

/** Takes a lock that earlier steps would wait for, too. */
async function behindObjects(
  databases: TestDatabases,
  ask: () => Promise<void>,
  side: TestDatabases['target'],
  table: string,
): Promise<Hold> {
  const before = await HELD.objects(databases, ask);
  const hold = await Hold.take(side.superuserUri, `LOCK TABLE ${table} IN SHARE MODE`);
  await before.release();
  await hold.waited();
  return hold;
}

describe('kill -9 of the engine between the steps of the cut-over', () => {
  test('in fence, drain, sequences, objects, verify, report, one after the other: resumed each time, the source takes writes, all equal in the end', {
    timeout: 600_000,
  }, async ({ databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const directory = await mkdtemp(join(tmpdir(), 'tm-cutover-'));
    const args = ['--dir', directory, '--freeze-source'];
    const env = { SOURCE: source.uri, TARGET: target.uri };
    const rules = () => target.query(`SELECT FROM pg_rules WHERE rulename = 'quiet'`);
    const rows = async (database: typeof source) => (await database.query('SELECT v FROM log')).length;
    const ask = async () => {
      const client = await EngineClient.attach(directory);
      await client?.request({ action: 'cutover', confirm: target.name, freezeSource: true, override: 'a test' });
      client?.detach();
    };
    let engine = new EngineProcess(args, env);
    try {
      const last = CUTOVER_STEPS.at(-1);
      for (const [n, step] of CUTOVER_STEPS.entries()) {
        await engine.saw((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
        const hold = await HELD[step](databases, ask);
        await engine.saw((event) => event.type === 'cutover' && event.step === step && event.state === 'running');
        await engine.kill('SIGKILL');
        const steps = engine.events.flatMap((event) =>
          event.type === 'cutover' ? [`${event.step} ${event.state}`] : [],
        );
        expect(steps.at(-1)).toBe(`${step} running`);
        engine = new EngineProcess([...args, '--resume'], env);
        if (step === last) {
          await hold.release();
          break;
        }
        // Had the killed one's ALTER DATABASE not been ended, it would freeze the source behind the back of the new one.
        if (step === 'fence') expect(await hold.waited()).toBe(1);
        else await engine.saw((event) => event.type === 'phase' && event.phase === 'replay');
        await hold.release();
        await engine.saw((event) => event.type === 'phase' && event.phase === 'replay');
        await source.query(write(n));
        expect(await rules(), 'as if it had not been tried').toEqual([]);
        await until(async () => (await rows(target)) === (await rows(source)), { what: 'the rows' });
      }
      // With its COMMIT on the target the migration was done: nothing is left to do but to leave the source.
      expect(await engine.exited).not.toBe(0);
      expect(engine.stderr).toContain('TM1305');
      const left =
        'SELECT slot_name FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT pubname FROM pg_publication';
      expect(await source.query(left)).toEqual([]);
      expect(await rules()).toHaveLength(1);
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  });
});
