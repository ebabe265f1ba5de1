import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { DemoServer } from '../../../src/demo/server.ts';
import { displayName, quoteIdent } from '../../../src/postgres/identifiers.ts';
import { compareDatabases } from '../../support/compare.ts';
import { uriOf, withClient } from '../../support/test-servers.ts';
import { Migration } from '../migration.ts';
import { compareDumps } from './compare-dumps.ts';
import type { DatabasePlan } from './plan.ts';

/** Two servers with the roles of a migration on them; databases come and go. */
export interface Pair {
  readonly source: DemoServer;
  readonly target: DemoServer;
  readonly password: string;
}

export interface DatabaseResult {
  /** Empty: everything is equal, or was refused by `check` before anything was made. */
  readonly failures: readonly string[];
  /** What `check` refused it for; null: it was migrated. */
  readonly refused: string | null;
  /** Where work directory and statements of a failed one are kept. */
  readonly kept: string | null;
}

const SOURCE = 'app';
const TARGET = 'tsdb';
export const OWNER = 'owner';
export const TARGET_OWNER = 'tsdbadmin';
export const TARGET_OWNER_WITHOUT_REPLICA_ROLE = 'tsdbowner2';

/** What the application's sessions set for themselves, whatever database or role say. */
const APPLICATION = '-c standard_conforming_strings=on -c statement_timeout=0 -c lock_timeout=0 -c array_nulls=on';

const PATIENCE_MS = 240_000;

/** Migrates one random database and judges what came of it. Rejects only for a mistake in the plan. */
export async function migrateDatabase(plan: DatabasePlan, pair: Pair, cli: string): Promise<DatabaseResult> {
  const work = await mkdtemp(join(tmpdir(), 'tm-definitions-'));
  const owner = plan.replicaRole ? TARGET_OWNER : TARGET_OWNER_WITHOUT_REPLICA_ROLE;
  const uri = {
    source: uriOf(at(pair.source), SOURCE, OWNER, pair.password),
    target: uriOf(at(pair.target), TARGET, owner, pair.password),
    sourceAdmin: pair.source.uri(SOURCE),
    targetAdmin: pair.target.uri(TARGET),
  };
  const failures: string[] = [];
  let refused: string | null = null;
  await makeDatabases(plan, pair, owner);
  const migration = new Migration({
    cli,
    directory: join(work, 'migration'),
    args: plan.args,
    env: { SOURCE: uri.source, TARGET: uri.target },
    patienceMs: PATIENCE_MS,
  });
  try {
    await run(uri.source, plan.statements);
    await run(pair.source.uri('postgres'), plan.settings(SOURCE));
    await run(pair.target.uri('postgres'), plan.targetSettings(TARGET));
    const check = await migration.command('check', plan.args);
    if (check.code !== 0) {
      refused = failedChecks(check.stdout);
      if (check.code !== 3) failures.push(`check ended with ${check.code}: ${check.stderr}`);
      failures.push(...(await leftovers(uri.sourceAdmin)), ...(await leftovers(uri.targetAdmin)));
    } else {
      migration.start();
      await migration.until(() => migration.of('snapshot').length > 0, 'the snapshot');
      await run(uri.source, plan.changes(1), APPLICATION);
      await migration.reached('replay');
      await run(uri.source, plan.changes(2), APPLICATION);
      await cutOver(migration);
      failures.push(...(await judge(uri, migration, check.stdout)));
    }
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    await migration.stop();
  }
  failures.push(...migration.complaints);
  const { stderr, code } = await migration.command('clean', ['--prune']);
  if (code !== 0) failures.push(`clean ended with ${code}: ${stderr}`);
  failures.push(...(await leftovers(uri.sourceAdmin)));
  if (failures.length > 0) await keep(work, plan, migration, failures);
  await dropDatabases(plan, pair);
  if (failures.length === 0) await rm(work, { recursive: true, force: true });
  return { failures, refused, kept: failures.length > 0 ? work : null };
}

const at = (server: DemoServer) => ({ host: server.host, port: server.port });

async function makeDatabases(plan: DatabasePlan, pair: Pair, owner: string): Promise<void> {
  await run(pair.source.uri('postgres'), [
    `CREATE DATABASE ${SOURCE} OWNER ${OWNER} ENCODING '${plan.encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  ]);
  await run(pair.target.uri('postgres'), [`CREATE DATABASE ${TARGET} OWNER ${owner} TEMPLATE template0`]);
}

async function dropDatabases(plan: DatabasePlan, pair: Pair): Promise<void> {
  // Names of roles are kept in the encoding of the database that made them: from another one they look different.
  await withClient(pair.source.uri(SOURCE), async (client) => {
    await client.query('SET default_transaction_read_only = off');
    for (const role of plan.roles) await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  for (const [server, database] of [
    [pair.source, SOURCE],
    [pair.target, TARGET],
  ] as const) {
    await withClient(server.uri('postgres'), async (client) => {
      // A slot that a failed migration has left keeps its database.
      await client.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL`,
        [database],
      );
      await client.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1`, [
        database,
      ]);
      await client.query(`DROP DATABASE ${quoteIdent(database)} WITH (FORCE)`);
      if (server === pair.source) return;
      for (const role of [...plan.roles, OWNER]) await client.query(`DROP ROLE IF EXISTS ${role}`);
    });
  }
}

async function run(uri: string, statements: readonly string[], options = ''): Promise<void> {
  const client = new pg.Client({ connectionString: uri, options });
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const statement of statements) {
      await client.query(statement).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : String(error)}: ${statement}`);
      });
    }
  } finally {
    await client.end();
  }
}

const failedChecks = (stdout: string): string =>
  stdout
    .split('\n')
    .filter((line) => /"type":"check".*"status":"fail"/.test(line))
    .map((line) => {
      const check = JSON.parse(line) as { id: string; found: string };
      return `${check.id}: ${check.found}`;
    })
    .join('; ');

const CUT_OVER_TRIES = 6;

async function cutOver(migration: Migration): Promise<void> {
  for (let attempt = 1; !migration.done; attempt += 1) {
    await migration.until(
      () => migration.phase === 'replay' && migration.gate('caught-up') && migration.gate('copied'),
      'the conditions of a cut-over',
    );
    const { code, stderr } = await migration.command('cutover', ['--confirm', TARGET, '--freeze-source']);
    if (code === 0) await migration.until(() => false, 'the end of the engine', 60_000);
    else if (attempt === CUT_OVER_TRIES) throw new Error(`cutover ended with ${code}: ${stderr}`);
  }
}

type Uris = Readonly<Record<'source' | 'target' | 'sourceAdmin' | 'targetAdmin', string>>;

/** What differs and was not said by `check`, and what `verify` says of it. */
async function judge(uri: Uris, migration: Migration, checks: string): Promise<string[]> {
  const wholes = await placedOtherwise(uri.sourceAdmin, checks);
  const found = [
    ...(await compareDatabases(uri.sourceAdmin, uri.targetAdmin, { searchPath: 'public', wholes })),
    ...(await compareDumps(uri.sourceAdmin, uri.targetAdmin)),
  ];
  const said = found.filter((difference) => isSaid(difference, checks));
  const silent = found.filter((difference) => !said.includes(difference));
  const verified = await migration.command('verify', []);
  if (silent.length > 0 && verified.code === 0) silent.push('verify found nothing');
  if (found.length === 0 && verified.code !== 0)
    silent.push(
      `equal by hand, and verify ended with ${verified.code}: ${verified.stderr}${verified.stdout.slice(-2000)}`,
    );
  return silent;
}

/** The partitioned tables of which the checks said that the target puts rows into other partitions. */
async function placedOtherwise(uri: string, checks: string): Promise<string[]> {
  const line = checks.split('\n').find((text) => text.includes('"id":"target-partition-placement"'));
  const found = line === undefined ? '' : (JSON.parse(line) as { found: string }).found;
  const { rows } = await withClient(uri, (client) =>
    client.query<{ schema: string; name: string }>(`
      SELECT n.nspname AS schema, c.relname AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p' AND NOT c.relispartition`),
  );
  return rows.filter((table) => found.includes(displayName(table))).map(({ schema, name }) => `${schema}.${name}`);
}

/** Whether the checks named the object of a difference. */
function isSaid(difference: string, checks: string): boolean {
  const name = /^(?:pg_dump )?[a-z ]+? (.*?): /i.exec(difference)?.[1];
  const bare = name?.split('.').at(-1)?.replaceAll('"', '');
  return bare !== undefined && bare.length > 3 && checks.includes(JSON.stringify(bare).slice(1, -1));
}

/** What a migration must not leave behind, or must not have made. */
async function leftovers(uri: string): Promise<string[]> {
  const { rows } = await withClient(uri, (client) =>
    client.query<{ what: string }>(`
      SELECT 'slot ' || slot_name AS what FROM pg_replication_slots WHERE slot_name LIKE 'tiger_migrate%'
      UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubname ~ '^tiger_migrate_[0-9a-f]+(_inserts)?$'
      UNION ALL SELECT 'schema tiger_migrate' FROM pg_namespace WHERE nspname = 'tiger_migrate'`),
  );
  return rows.map(({ what }) => `left behind: ${what}`);
}

async function keep(
  work: string,
  plan: DatabasePlan,
  migration: Migration,
  failures: readonly string[],
): Promise<void> {
  await writeFile(join(work, 'failures.txt'), failures.join('\n\n'));
  await writeFile(join(work, 'statements.sql'), plan.statements.map((statement) => `${statement};\n`).join(''));
  await writeFile(
    join(work, 'changes.sql'),
    plan
      .changes(2)
      .map((statement) => `${statement};\n`)
      .join(''),
  );
  await writeFile(join(work, 'events.jsonl'), migration.events.map((event) => JSON.stringify(event)).join('\n'));
}
