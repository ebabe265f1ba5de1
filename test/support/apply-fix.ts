import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import type { CheckResult } from '../../src/providers/check.ts';

/** Runs what a result offers as the wizard does: statement by statement, in a session with the program's own settings. */
export async function applyFix(
  result: CheckResult,
  uris: { readonly source: string; readonly target: string },
): Promise<void> {
  const { apply } = result;
  if (apply === null) throw new Error(`${result.id} offers nothing to run: ${result.found}`);
  const client = await connect(parseConnectionString(uris[apply.side], {}), { side: apply.side, application: 'fix' });
  try {
    for (const sql of apply.sql) await client.query(sql);
  } finally {
    await endQuietly(client);
  }
}
