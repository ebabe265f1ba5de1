import { access } from 'node:fs/promises';
import { compareDatabases } from '../support/compare.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import type { Migration } from './migration.ts';
import type { Servers } from './servers.ts';

export interface JudgeInput {
  readonly servers: Servers;
  readonly migration: Migration;
  readonly directory: string;
}

/** What a migration of ours may leave behind, of a database. */
const LEFT_BEHIND = `
  SELECT 'slot ' || slot_name AS what FROM pg_replication_slots
  UNION ALL SELECT 'publication ' || pubname FROM pg_publication
  UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'tiger_migrate%'
  UNION ALL SELECT 'setting ' || unnest(setconfig) FROM pg_db_role_setting
  UNION ALL SELECT 'session ' || application_name FROM pg_stat_activity WHERE application_name LIKE 'tiger-migrate-tui%'
  UNION ALL SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts`;

/** All that is not as it should be after a migration, as sentences: our own comparison, `verify`, and what `clean` leaves. */
export async function judge({ servers, migration, directory }: JudgeInput): Promise<string[]> {
  const failures = await compareDatabases(servers.sourceAdmin, servers.targetAdmin);
  const verified = await migration.command('verify', []);
  if (verified.code !== 0 || verified.stderr !== '') {
    const different = verified.stdout.split('\n').filter((line) => /"equal":false|"type":"result"/.test(line));
    failures.push(`verify ended with ${verified.code}: ${verified.stderr}${different.join('\n').slice(0, 2000)}`);
  }
  const cleaned = await migration.command('clean', ['--prune']);
  if (cleaned.code !== 0 || cleaned.stderr !== '') failures.push(`clean ended with ${cleaned.code}: ${cleaned.stderr}`);
  for (const [side, uri] of [
    ['source', servers.sourceAdmin],
    ['target', servers.targetAdmin],
  ] as const) {
    const look = () => withClient(uri, (client) => client.query<{ what: string }>(LEFT_BEHIND));
    // A server is a moment behind in ending the sessions of a command that has ended.
    await until(async () => (await look()).rows.length === 0, { timeoutMs: 10_000 }).catch(() => undefined);
    failures.push(...(await look()).rows.map(({ what }) => `left behind on the ${side}: ${what}`));
  }
  const there = await access(directory).then(
    () => true,
    () => false,
  );
  if (there) failures.push(`left behind: ${directory}`);
  return failures;
}
