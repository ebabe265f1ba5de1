import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MigrationOptions, migrationOptionsSchema, type ProviderId } from '../../src/engine/options.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import type { CheckContext, CheckResult } from '../../src/providers/check.ts';
import { checksFor, runCheck } from '../../src/providers/index.ts';

export interface CheckInput {
  /** Connection strings. */
  readonly source: string;
  readonly target: string;
  readonly options?: Partial<MigrationOptions>;
  readonly provider?: ProviderId;
  readonly resuming?: boolean;
  readonly workDirectory?: string;
}

/** Opens what checks need for the time of `work`. */
export async function withCheckContext<T>(input: CheckInput, work: (context: CheckContext) => Promise<T>): Promise<T> {
  const sourceSettings = parseConnectionString(input.source, {});
  const targetSettings = parseConnectionString(input.target, {});
  const temporary = await mkdtemp(join(tmpdir(), 'tiger-migrate-checks-'));
  const source = await connect(sourceSettings, { side: 'source', application: 'check' });
  const target = await connect(targetSettings, { side: 'target', application: 'check' });
  try {
    return await work({
      source,
      target,
      sourceSettings,
      targetSettings,
      options: migrationOptionsSchema.parse(input.options ?? {}),
      provider: input.provider ?? 'selfhosted-postgres',
      workDirectory: input.workDirectory ?? temporary,
      resuming: input.resuming ?? false,
      signal: new AbortController().signal,
    });
  } finally {
    await Promise.all([endQuietly(source), endQuietly(target)]);
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The result of one check. */
export function check(id: string, input: CheckInput): Promise<CheckResult> {
  const found = checksFor(input.provider ?? 'selfhosted-postgres').find((one) => one.id === id);
  if (found === undefined) throw new Error(`no check ${id}`);
  return withCheckContext(input, (context) => runCheck(found, context));
}
