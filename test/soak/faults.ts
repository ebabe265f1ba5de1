import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Phase } from '../../src/engine/events.ts';
import type { Fault as NetworkFault } from '../support/tcp-proxy.ts';
import { withClient } from '../support/test-servers.ts';
import type { Application } from './application.ts';
import type { Table } from './generator/table.ts';
import type { Migration } from './migration.ts';
import type { Servers } from './servers.ts';

/** What a fault works on. */
export interface FaultStage {
  readonly servers: Servers;
  readonly migration: Migration;
  readonly application: Application;
  readonly tables: readonly Table[];
  /** A small disk that the work directory is on, null where none could be made. */
  readonly disk: string | null;
  /** Draws that belong to this fault: the same for the same seed. */
  readonly number: number;
}

/** How long what heals by itself lasts, in the application's transactions. */
const WHILE = 60;
/** With no application at work, by the clock. */
const LONGEST_MS = 6000;

const untilWritten = async ({ application }: FaultStage, count = WHILE): Promise<void> => {
  const [until, deadline] = [application.transactions + count, performance.now() + LONGEST_MS];
  while (application.transactions < until && performance.now() < deadline) await delay(10);
};

const onTarget = (stage: FaultStage, ...statements: readonly string[]): Promise<void> =>
  withClient(stage.servers.targetAdmin, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

const onSource = (stage: FaultStage, ...statements: readonly string[]): Promise<void> =>
  withClient(stage.servers.sourceAdmin, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

/** For a while, then the network is as it should be; what is dead stays dead. */
async function disturb(stage: FaultStage, side: 'source' | 'target', fault: NetworkFault): Promise<void> {
  const proxy = stage.servers.network[side];
  await proxy.inject(fault);
  if (fault !== 'cut' && fault !== 'reset') await untilWritten(stage);
  await proxy.inject('pass');
}

/** Tables that changes can be seen on, each with rows of its own. */
const ordinary = ({ tables, number }: FaultStage): Table | undefined => {
  const fit = tables.filter(({ shape }) => /^(one key|composite key|index as identity|full with|identity)/.test(shape));
  return fit[number % Math.max(fit.length, 1)];
};

/** Somebody else holds a table of the target, as long as `meanwhile` takes. Before there is one, nothing. */
async function lockTarget(stage: FaultStage, meanwhile: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const table = ordinary(stage);
  if (!table) return;
  await withClient(stage.servers.targetAdmin, async (client) => {
    await client.query(`SET deadlock_timeout = '10min'; SET lock_timeout = '5s'; BEGIN`);
    const locked = await client.query(`LOCK TABLE ONLY ${table.name} IN SHARE MODE`).then(
      () => true,
      () => false,
    );
    if (locked) await meanwhile(client);
    await client.query('ROLLBACK');
  });
}

const BLOCKED_BY_ME = `
  SELECT l.relation::regclass::text AS held FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
  WHERE pg_backend_pid() = ANY (pg_blocking_pids(a.pid)) AND a.application_name LIKE '% apply' AND l.granted
    AND l.mode = 'RowExclusiveLock' AND l.relation IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace <> 'pg_catalog'::regnamespace
      AND relpersistence <> 't') LIMIT 1`;

/** Takes what the applier wants, then wants what it has: as it waits for longer, the server ends its transaction. */
async function deadlock(stage: FaultStage): Promise<boolean> {
  let happened = false;
  await lockTarget(stage, async (client) => {
    const deadline = performance.now() + LONGEST_MS;
    while (performance.now() < deadline && !happened) {
      const [blocked] = (await client.query<{ held: string }>(BLOCKED_BY_ME)).rows;
      if (blocked) await client.query(`LOCK TABLE ${blocked.held} IN SHARE MODE`).catch(() => undefined);
      happened = blocked !== undefined;
      await delay(10);
    }
  });
  return happened;
}

/** Rows of the target vanish, whether or not a change meets the gap; then the table is copied again. */
async function diverge(stage: FaultStage): Promise<boolean> {
  const { migration } = stage;
  const table = ordinary(stage);
  if (!table || migration.phase !== 'replay') return false;
  await migration.until(() => migration.gate('copied'), 'all tables to be live');
  const from = migration.events.length;
  await onTarget(
    stage,
    'SET session_replication_role = replica',
    `DELETE FROM ONLY ${table.name} WHERE ctid IN (SELECT ctid FROM ONLY ${table.name} LIMIT 5)`,
  );
  await untilWritten(stage, 30);
  const { code, stderr } = await migration.command('migrate', ['--resync', table.name.replaceAll(/"(t_\d+)"/g, '$1')]);
  if (code !== 0) migration.complaints.push(`migrate --resync ${table.name} ended with ${code}: ${stderr}`);
  const since = () => migration.of('phase').length > 0 && migration.events.slice(from);
  await migration.until(
    () => (since() || []).some((event) => event.type === 'phase' && event.phase === 'replay'),
    'the copy of a table again',
  );
  return true;
}

/** Less than the engine leaves to others; now and then not a byte. */
const LEFT_BYTES = [4 * 1024 ** 2, 0];

async function fillDisk(stage: FaultStage): Promise<boolean> {
  const { disk, number, migration } = stage;
  if (!disk) return false;
  const ballast = join(disk, 'ballast');
  const { bavail, bsize } = await statfs(disk);
  const left = LEFT_BYTES[number % LEFT_BYTES.length] ?? 0;
  const from = migration.of('retry').length;
  // What is spooled meanwhile takes its room from this.
  await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - left))).catch(() => undefined);
  const noticed = () => migration.of('retry').some(({ error }, at) => at >= from && error.code === 'TM4003');
  // The engine looks every few seconds where little comes.
  await migration.until(noticed, 'the disk to be full', 2 * LONGEST_MS).catch(() => undefined);
  await untilWritten(stage);
  await rm(ballast);
  return noticed();
}

const OURS = `application_name LIKE 'tiger-migrate-tui%' AND pid <> pg_backend_pid()`;
const KILL = (which: string) => `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${which}`;

const ALWAYS = {
  'kill -9 of the engine': ({ migration }) => migration.restart('SIGKILL'),
  'SIGTERM of the engine': ({ migration }) => migration.restart('SIGTERM'),
  'source restarted fast': ({ servers }) => servers.source.restart('fast'),
  'source crashed': ({ servers }) => servers.source.restart('immediate'),
  'target restarted fast': ({ servers }) => servers.target.restart('fast'),
  'target crashed': ({ servers }) => servers.target.restart('immediate'),
  'walsender killed': (stage) => onSource(stage, KILL(`backend_type = 'walsender'`)),
  'sessions on the source killed': (stage) => onSource(stage, KILL(OURS)),
  'sessions on the target killed': (stage) => onTarget(stage, KILL(OURS)),
  'one session on the target killed': (stage) => onTarget(stage, `${KILL(OURS)} AND pid % 3 = ${stage.number % 3}`),
  'checkpoints and WAL switches': async (stage) => {
    const storm = ['SELECT pg_switch_wal()', 'CHECKPOINT'];
    for (let round = 0; round < 4; round += 1)
      await Promise.all([onSource(stage, ...storm), onTarget(stage, ...storm)]);
  },
  'target read-only': async (stage) => {
    await onTarget(stage, 'ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()');
    await untilWritten(stage);
    await onTarget(
      stage,
      'SET default_transaction_read_only = off',
      'ALTER SYSTEM RESET default_transaction_read_only',
      'SELECT pg_reload_conf()',
    );
  },
  'no connections left on the target': async (stage) => {
    await onTarget(stage, 'ALTER ROLE tsdbadmin CONNECTION LIMIT 0', KILL(OURS));
    await untilWritten(stage);
    await onTarget(stage, 'ALTER ROLE tsdbadmin CONNECTION LIMIT -1');
  },
  'network to the source cut': (stage) => disturb(stage, 'source', 'cut'),
  'network to the target cut': (stage) => disturb(stage, 'target', 'cut'),
  'network to the source reset': (stage) => disturb(stage, 'source', 'reset'),
  'network to the target reset': (stage) => disturb(stage, 'target', 'reset'),
  'network to the source silent': (stage) => disturb(stage, 'source', 'blackhole'),
  'network to the target silent': (stage) => disturb(stage, 'target', 'blackhole'),
  'network to the source slow to answer': (stage) => disturb(stage, 'source', 'latency'),
  'network to the target slow to answer': (stage) => disturb(stage, 'target', 'latency'),
  'target refuses connections': (stage) => disturb(stage, 'target', 'refuse'),
  'target locked': (stage) => lockTarget(stage, () => untilWritten(stage)),
} as const satisfies Readonly<Record<string, (stage: FaultStage) => Promise<unknown>>>;

/** Those that need something to be there first: they may come to nothing. */
const SOMETIMES = {
  'deadlock on the target': deadlock,
  'divergence, copied again': diverge,
  'disk of the spool full': fillDisk,
} as const;

/** True when it has happened. */
type Fault = (stage: FaultStage) => Promise<boolean>;

export type FaultName = keyof typeof ALWAYS | keyof typeof SOMETIMES;

export const FAULTS = {
  ...Object.fromEntries(
    Object.entries(ALWAYS).map(([name, fault]) => [name, (stage: FaultStage) => fault(stage).then(() => true)]),
  ),
  ...SOMETIMES,
} as Readonly<Record<FaultName, Fault>>;

/** A fault, and when: so many transactions of the application after the phase has begun. */
export interface PlannedFault {
  readonly name: FaultName;
  readonly phase: Phase;
  readonly after: number;
  readonly number: number;
}

/** Waits for the moment, and does it. False when it came to nothing. */
export async function inject(fault: PlannedFault, stage: Omit<FaultStage, 'number'>): Promise<boolean> {
  const { migration, application } = stage;
  await migration.reached(fault.phase);
  const from = application.transactions;
  await migration.until(() => application.transactions >= from + fault.after, `fault ${fault.name}`);
  return !migration.done && (await FAULTS[fault.name]({ ...stage, number: fault.number }));
}
