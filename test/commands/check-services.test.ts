import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type CheckServices, checkServices } from '../../src/commands/check-services.ts';
import { startServer } from '../../src/demo/server.ts';
import { migrationOptionsSchema } from '../../src/engine/options.ts';
import type { CheckResult } from '../../src/providers/check.ts';
import type { WizardInput } from '../../src/state/services.ts';
import { test as base } from '../support/databases.ts';
import { until } from '../support/wait.ts';

const test = base.extend<{ directory: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from the first parameter
  directory: async ({}, use) => {
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-services-'));
    await use(directory);
    await rm(directory, { recursive: true, force: true });
  },
});

const never = new AbortController().signal;
const inputOf = (source: string, target: string): WizardInput => ({
  source,
  target,
  provider: 'selfhosted-postgres',
  options: migrationOptionsSchema.parse({}),
});
async function results(services: CheckServices, input: WizardInput): Promise<CheckResult[]> {
  const found: CheckResult[] = [];
  await services.runChecks(input, (result) => found.push(result), never);
  return found;
}
const walLevel = (found: readonly CheckResult[]): CheckResult => {
  const result = found.find(({ id }) => id === 'source-wal-level');
  if (!result) throw new Error('no check of wal_level');
  return result;
};

describe('a source that does not write enough to its WAL', () => {
  test('is mended from the wizard, restarted by somebody, and found well by itself', async ({
    databases,
    directory,
  }) => {
    await using server = await startServer({
      name: 'wizard-low-wal',
      settings: { wal_level: 'replica', log_connections: true },
    });
    const input = inputOf(server.uri('postgres'), databases.target.uri);
    const services = checkServices({ directory, env: {} });
    const before = walLevel(await results(services, input));
    expect(before).toMatchObject({ status: 'fail', restart: 'source', apply: { restart: true } });
    await services.applyFix(input, before);

    const looks = async () => (await server.log()).match(/application_name=tiger-migrate-tui wizard/g)?.length ?? 0;
    const looksBefore = await looks();
    let over = false;
    const waiting = services.awaitRestart(input, 'source', never).then(() => {
      over = true;
    });
    await until(async () => (await looks()) >= looksBefore + 2, { what: 'a second look at the server' });
    expect(over).toBe(false);
    await server.kill();
    await server.restart();
    await waiting;
    expect(walLevel(await results(services, input))).toMatchObject({ status: 'pass', restart: null });
  });

  test('that was restarted before anybody waited is not waited for', async ({ databases, directory }) => {
    await using server = await startServer({ name: 'wizard-quick' });
    const input = inputOf(server.uri('postgres'), databases.target.uri);
    const services = checkServices({ directory, env: {} });
    await results(services, input);
    await server.restart();
    await services.awaitRestart(input, 'source', AbortSignal.timeout(30_000));
  });
});

describe('the services of the tabs', () => {
  test('stop waiting when they are told to', async ({ databases, directory }) => {
    const services = checkServices({ directory, env: {} });
    const leaving = new AbortController();
    const waiting = services.awaitRestart(
      inputOf('postgres://nobody@127.0.0.1:1/x', databases.target.uri),
      'source',
      leaving.signal,
    );
    leaving.abort();
    await expect(waiting).rejects.toThrow();
  });

  test('remember a tick for the next session, and take it away', async ({ databases, directory }) => {
    const input = inputOf(databases.source.uri, databases.target.uri);
    const ticked = await checkServices({ directory, env: {} }).tick(input, 'no-ddl', true);
    expect(ticked.filter((step) => step.ticked !== null).map(({ id }) => id)).toEqual(['no-ddl']);
    const next = checkServices({ directory, env: {} });
    expect(await next.steps(input)).toEqual(ticked);
    expect((await next.steps({ ...input, provider: 'rds' })).every((step) => step.ticked === null)).toBe(true);
    expect((await next.tick(input, 'no-ddl', false)).every((step) => step.ticked === null)).toBe(true);
    expect(await readFile(join(directory, 'wizard.json'), 'utf8')).not.toContain(databases.source.server.ownerPassword);
  });

  test('save a report where nothing has been saved yet', async ({ databases, directory }) => {
    const { source, target } = databases;
    const services = checkServices({ directory: join(directory, 'new', 'work'), env: {} });
    const path = await services.saveReport(inputOf(source.uri, target.uri), []);
    expect(await readFile(path, 'utf8')).toContain('# Checks before the migration');
  });

  test('save a report whatever the servers say by then', async ({ databases, directory }) => {
    const { source, target } = databases;
    const services = checkServices({ directory, env: {} });
    const found = await results(services, inputOf(source.uri, target.uri));
    const path = await services.saveReport(inputOf(source.uri, target.uri), found);
    expect(path).toBe(join(directory, 'check-report.md'));
    expect(await readFile(path, 'utf8')).toContain('## Passed');
    const gone = inputOf('postgres://app:unheard-of@127.0.0.1:1/shop', target.uri);
    const text = await readFile(await services.saveReport(gone, found), 'utf8');
    expect(text).toContain('TM1102');
    expect(text).toContain('## Passed');
    expect(text).not.toContain('unheard-of');
  });
});
