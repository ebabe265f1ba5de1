import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import { TABLES, test } from './program.ts';

/** Every test of these commands looks at the output and at all files afterwards; this one looks at what `ps` shows. */
test('passwords stand on no command line, not even when ours was given them', async ({ program, databases }) => {
  const { source, target } = databases;
  await source.query(TABLES);
  const { ownerPassword } = source.server;
  const taking = program.start(['snapshot', '--source', source.uri, '--target', target.uri], {
    env: { SOURCE: undefined, TARGET: undefined },
  });
  const seen = new Set<string>();
  let over = false;
  void taking.finished.then(() => {
    over = true;
  });
  while (!over) {
    for (const pid of await program.processes()) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const text = line.replaceAll('\0', ' ').trim();
      // Until Node has read it, the command line is as it was given.
      if (pid !== taking.pid || !text.includes('cli.js')) seen.add(text);
    }
    await nextTurn();
  }
  expect(await taking.finished).toMatchObject({ code: 0 });
  const migrating = program.start(['migrate']);
  void migrating.finished.then(() => {
    over = true;
  });
  for (over = false; !migrating.stdout.includes('Replaying') && !over; ) {
    for (const pid of await program.processes()) {
      seen.add((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim());
    }
  }
  migrating.kill('SIGINT');
  expect((await migrating.finished).code).toBe(130);
  expect([...seen]).toContainEqual(expect.stringContaining('tiger-migrate-tui snapshot'));
  expect([...seen]).toContainEqual(expect.stringMatching(/pg_dump .*--no-password/));
  expect([...seen].filter((line) => line.includes(ownerPassword))).toEqual([]);
  databases.allow('slot');
});
