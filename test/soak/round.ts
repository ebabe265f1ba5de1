import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toMigrateError } from '../../src/errors/migrate-error.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';
import { withClient } from '../support/test-servers.ts';
import { WAL2JSON } from '../support/wal2json.ts';
import { Application } from './application.ts';
import { cutOver } from './cut-over.ts';
import { inject } from './faults.ts';
import { chanceOf } from './generator/chance.ts';
import { insertRange } from './generator/statement.ts';
import { judge } from './judge.ts';
import { LockWatch } from './lock-watch.ts';
import { Migration } from './migration.ts';
import type { RoundPlan } from './plan.ts';
import { type Servers, startServers } from './servers.ts';
import { countUp, type Tally } from './tally.ts';

export interface RoundResult {
  /** Empty: everything is equal and as it should be. */
  readonly failures: readonly string[];
  /** Where logs and work directory of a failed round are kept. */
  readonly kept: string | null;
}

export interface RoundInput {
  readonly plan: RoundPlan;
  /** Path of the compiled cli.js. */
  readonly cli: string;
  /** What is done is counted here. */
  readonly tally: Tally;
  /** What goes on, in few words. */
  readonly onStep: (text: string) => void;
}

const run = promisify(execFile);

/** RSS of an engine that nothing big goes through; what the issue allows for big things. */
const RSS_LIMIT_BYTES = 400 * 1024 ** 2;

/** A migration of a random database under random writes and faults, and the judgement of it. Rejects only when no servers could be started. */
export async function runRound({ plan, cli, tally, onStep }: RoundInput): Promise<RoundResult> {
  const failures: string[] = [];
  const work = await mkdtemp(join(tmpdir(), 'tm-soak-'));
  const disk = await smallDisk(work);
  const directory = join(disk ?? work, 'migration');
  onStep('servers');
  await using servers = await startServers(plan.replicaRole);
  const migration = new Migration({
    cli,
    directory,
    // The round is the same without it, told by another plugin.
    args: WAL2JSON === null ? plan.args.map((arg) => (arg === 'wal2json' ? 'pgoutput' : arg)) : plan.args,
    env: {
      SOURCE: servers.network.source.uri(servers.sourceUri),
      TARGET: servers.network.target.uri(servers.targetUri),
    },
  });
  try {
    onStep(`schema of ${plan.schema.tables.length} tables`);
    await fill(servers, plan);
    await migrate({ plan, servers, migration, disk, tally, failures, onStep });
    // Sessions that a silent network has left on a server are for its tcp_keepalives to find, in hours.
    for (const proxy of Object.values(servers.network)) await proxy.inject('reset');
    onStep('compare');
    failures.push(...(await judge({ servers, migration, directory })));
  } catch (error) {
    failures.push(
      error instanceof Error
        ? `${error.message}${error.cause ? ` (${toMigrateError(error.cause).message})` : ''}`
        : String(error),
    );
    // As long as everything still stands as it got stuck.
    await keepActivity(work, servers);
  } finally {
    await migration.stop();
  }
  failures.push(...migration.complaints);
  for (const feature of plan.schema.features) countUp(tally.features, feature);
  tally.peakRssBytes = migration.peakRssBytes;
  tally.streamBytes = streamed(migration);
  if (tally.peakRssBytes > RSS_LIMIT_BYTES) failures.push(`the engine took ${tally.peakRssBytes} bytes of memory`);
  const kept = failures.length > 0 ? await keep(work, disk, servers, migration, plan, failures) : null;
  if (disk) await run('umount', [disk]).catch(() => undefined);
  if (!kept) await rm(work, { recursive: true, force: true });
  return { failures, kept };
}

/** Enough for a round. Only root may mount one; elsewhere a round goes without the fault that needs it. */
async function smallDisk(work: string): Promise<string | null> {
  const disk = join(work, 'disk');
  await mkdir(disk);
  return run('mount', ['-t', 'tmpfs', '-o', 'size=700m,mode=700', 'tmpfs', disk]).then(
    () => disk,
    () => null,
  );
}

interface Running {
  readonly plan: RoundPlan;
  readonly servers: Servers;
  readonly migration: Migration;
  readonly disk: string | null;
  readonly tally: Tally;
  readonly failures: string[];
  readonly onStep: (text: string) => void;
}

async function migrate({ plan, servers, migration, disk, tally, failures, onStep }: Running): Promise<void> {
  const application = new Application({ uri: servers.sourceUri, generators: plan.sessions, rate: plan.rate, tally });
  const watch = new LockWatch(servers.sourceUri);
  try {
    migration.start();
    for (const fault of plan.faults) {
      if (fault.phase === 'cutover' || migration.done) continue;
      onStep(`${fault.phase}: ${fault.name}`);
      const happened = await inject(fault, { servers, migration, application, disk, tables: plan.schema.tables });
      if (happened) countUp(tally.faults, fault.name);
    }
    onStep('replay');
    await migration.reached('replay');
    const from = application.transactions;
    await migration.until(() => application.transactions >= from + plan.replayFor, 'writes in replay');
    await cutOver({ plan, servers, migration, application, disk, tally, onStep });
  } finally {
    await application.stop();
    failures.push(...application.errors, ...(await watch.stop()));
  }
}

/** Schema and first rows. */
async function fill({ sourceUri }: Servers, { schema, rows, seed }: RoundPlan): Promise<void> {
  const chance = chanceOf(seed, 'rows');
  await withClient(sourceUri, async (client) => {
    const run = (sql: string) =>
      client.query(sql).catch((cause: unknown) => {
        throw new Error(`the schema was refused: ${toMigrateError(cause).message} in ${sql}`, { cause });
      });
    for (const statement of schema.statements) await run(statement);
    for (const table of schema.tables) await run(insertRange(table, { from: 1, to: rows, step: 1 }, chance));
    await run('ANALYZE');
  });
}

/** Bytes of the source's WAL between the first snapshot and the last position received. */
function streamed(migration: Migration): number {
  const from = migration.of('snapshot')[0]?.lsn;
  const to = migration.of('replay').findLast((event) => event.received_lsn !== null)?.received_lsn;
  return from && to ? Number(parseLsn(to) - parseLsn(from)) : 0;
}

const ACTIVITY = `
  SELECT application_name, backend_type, state, wait_event, xact_start, query_start, pg_blocking_pids(pid) AS blocked_by, pid, left(query, 2000) AS query
  FROM pg_stat_activity WHERE datname IS NOT NULL`;

async function keepActivity(work: string, { source, target }: Servers): Promise<void> {
  for (const server of [source, target]) {
    const rows = await withClient(server.uri('postgres'), async (client) => (await client.query(ACTIVITY)).rows).catch(
      String,
    );
    await writeFile(join(work, `${server.name}-activity.json`), JSON.stringify(rows, null, 2));
  }
}

/** Keeps what one needs to find out what happened. */
async function keep(
  work: string,
  disk: string | null,
  { source, target }: Servers,
  migration: Migration,
  plan: RoundPlan,
  failures: readonly string[],
): Promise<string> {
  const { schema, sessions, ...rest } = plan;
  if (disk)
    await cp(disk, join(work, 'work-directory'), { recursive: true, filter: (path) => !path.endsWith('.sock') });
  await writeFile(join(work, 'failures.txt'), `${failures.join('\n\n')}\n`);
  await writeFile(
    join(work, 'plan.json'),
    JSON.stringify({ ...rest, writers: sessions.length, features: schema.features }, null, 2),
  );
  await writeFile(join(work, 'schema.sql'), `${schema.statements.join(';\n')};\n`);
  await writeFile(join(work, 'engine.ndjson'), migration.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  for (const server of [source, target]) {
    await cp(join(server.directory, 'server.log'), join(work, `${server.name}.log`)).catch(() => undefined);
  }
  return work;
}
