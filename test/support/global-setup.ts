import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { quotesNumbers } from '../../src/engine/source/wal2json.ts';
import {
  SOURCE_OWNER,
  TARGET_OWNER,
  TARGET_OWNER_WITHOUT_REPLICA_ROLE,
  TEST_SETTINGS,
  type TestServer,
  withClient,
} from './test-servers.ts';
import { WAL2JSON, WAL2JSON_SETTINGS } from './wal2json.ts';

/** Starts one source and one target server and compiles the program, once for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [compiled, source, target] = await Promise.all([
    compile(),
    startServer({ name: 'test-source', settings: { ...TEST_SETTINGS, ...WAL2JSON_SETTINGS } }),
    startServer({ name: 'test-target', settings: TEST_SETTINGS }),
  ]);
  const password = randomBytes(12).toString('base64url');
  await execute(source, [`CREATE ROLE ${SOURCE_OWNER} LOGIN REPLICATION PASSWORD '${password}'`]);
  await execute(target, [
    `CREATE ROLE ${TARGET_OWNER} LOGIN CREATEROLE PASSWORD '${password}'`,
    `CREATE ROLE ${TARGET_OWNER_WITHOUT_REPLICA_ROLE} LOGIN CREATEROLE PASSWORD '${password}'`,
    `GRANT SET ON PARAMETER session_replication_role TO ${TARGET_OWNER}`,
  ]);
  project.provide('source', describe(source, SOURCE_OWNER, password));
  project.provide('target', describe(target, TARGET_OWNER, password));
  project.provide('wal2json', WAL2JSON === null ? null : await withClient(source.uri('postgres'), wal2jsonForm));
  project.provide('compiled', join(compiled, 'dist'));
  return async () => {
    await Promise.all([source.stop(), target.stop(), rm(compiled, { recursive: true, force: true })]);
  };
}

/**
 * Compiles the program for those tests that run it, or parts of it, as a process of its own: Node does not run
 * TypeScript. Below node_modules, from where it finds its dependencies and nobody commits it; in a directory of its
 * own, because several runs may go on at once.
 */
async function compile(): Promise<string> {
  const root = join(import.meta.dirname, '..', '..');
  const cache = join(root, 'node_modules', '.cache', 'tiger-migrate-tests');
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'run-'));
  await copyFile(join(root, 'package.json'), join(directory, 'package.json'));
  // Mistakes are reported elsewhere, and only concern those tests that run the file in question.
  const options = ['-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(directory, 'dist')];
  await promisify(execFile)(join(root, 'node_modules', '.bin', 'tsc'), options).catch((error: unknown) => {
    if (typeof (error as { code?: unknown }).code !== 'number') throw error;
  });
  return directory;
}

const wal2jsonForm = async (client: pg.Client) => ((await quotesNumbers(client)) ? 'quoted' : 'unquoted');

const describe = (server: DemoServer, owner: string, ownerPassword: string): TestServer => ({
  host: server.host,
  port: server.port,
  superuser: server.superuser,
  password: server.password,
  owner,
  ownerPassword,
});

async function execute(server: DemoServer, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.uri('postgres') });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
