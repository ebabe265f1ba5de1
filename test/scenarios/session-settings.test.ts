import { describe, expect } from 'vitest';
import { type TestDatabases, test } from '../support/databases.ts';
import { differences, makeObjects, makeOdd, type Side } from './session-settings.ts';

/** A role that has no rights, which each owner's sessions become; and all settings at their oddest. */
async function odd(databases: TestDatabases, level: 'database' | 'role'): Promise<void> {
  const group = databases.role('group');
  for (const side of [databases.source, databases.target]) {
    await side.admin(`CREATE ROLE ${group}; GRANT ${group} TO ${side.owner}`);
    if (level === 'role') await side.admin(`ALTER ROLE ${side.owner} IN DATABASE ${side.name} SET role = ${group}`);
    await makeOdd(
      side,
      level,
      // The last two are refused by a check.
      [
        ...(level === 'role' ? [] : ['idle_session_timeout', 'transaction_timeout']),
        ...['zero_damaged_pages', 'ignore_checksum_failure'],
      ],
    );
  }
}

describe.each(['database', 'role'] as const)('every setting odd at the level of the %s', (level) => {
  test.for(['pgoutput', 'test_decoding'] as const)('what arrives is equal (%s)', async (plugin, { databases }) => {
    const { source, target }: { source: Side; target: Side } = databases;
    await makeObjects(source);
    await odd(databases, level);
    expect(await differences(source, target, plugin)).toEqual([]);
  });
});
