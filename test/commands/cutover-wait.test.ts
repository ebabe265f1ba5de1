import { describe, expect } from 'vitest';
import type { TestDatabases } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { type Program, type Running, TABLES, test } from './program.ts';

async function replaying(program: Program, { source }: TestDatabases): Promise<Running> {
  await source.query(TABLES);
  const migrating = program.start(['migrate']);
  await migrating.says('Replaying changes of the source');
  return migrating;
}

/** An application that writes until it is stopped. */
function writing({ source }: TestDatabases): { stop: () => Promise<void> } {
  let goesOn = true;
  let id = 5000;
  const written = (async () => {
    const client = await source.connect();
    while (goesOn) {
      id += 1;
      await client.query('INSERT INTO customers VALUES ($1, $2)', [id, 'new']);
    }
  })();
  return {
    stop: () => {
      goesOn = false;
      return written;
    },
  };
}

const giveUp = async (program: Program, migrating: Running) => {
  migrating.kill('SIGINT');
  await migrating.finished;
  expect((await program.run(['clean'])).code).toBe(0);
};

describe.concurrent('cutover --wait', () => {
  test('waits for the copy, for replay and for the application to stop, and cuts over then', async ({
    program,
    databases,
  }) => {
    const application = await databases.source.query(TABLES).then(() => writing(databases));
    const migrating = program.start(['migrate']);
    await migrating.says('Creating publications');
    const cutover = program.start(['cutover', '--confirm', databases.target.name, '--wait', '10m']);
    await until(() => cutover.stderr.includes('nobody writes on the source'), { timeoutMs: 60_000 });
    expect(cutover.stderr).toMatch(/^Waiting for at most \d+m/m);
    await application.stop();
    const finished = await cutover.finished;
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    // What is waited for is no error.
    expect(finished.stderr).not.toMatch(/TM\d{4}/);
    expect(finished.stdout).not.toContain('Waiting');
    expect((await migrating.finished).code).toBe(0);
  });

  test('ends with 3 when the time is over, and names the conditions; 0 does not wait', async ({
    program,
    databases,
  }) => {
    const migrating = await replaying(program, databases);
    const writer = await databases.source.connect();
    await writer.query(`BEGIN; INSERT INTO customers VALUES (5000, 'slow')`);
    await migrating.says('Cut-over condition not met: nobody writes');
    const args = ['cutover', '--confirm', databases.target.name];
    const [short, none] = await Promise.all([
      program.run([...args, '--wait', '2s']),
      program.run([...args, '--wait', '0', '--json']),
    ]);
    expect(short).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^TM6002 local: .*nobody writes on the source.*waited 2.*\n.*--freeze-source/m),
    });
    expect(none).toMatchObject({ code: 3, stderr: expect.stringMatching(/^TM6002 /) });
    expect(none.events).toMatchObject([{ type: 'error', error: { code: 'TM6002' } }]);
    await writer.query('ROLLBACK');
    await giveUp(program, migrating);
  });

  test('refuses at once what only somebody can mend', async ({ program, databases }) => {
    const { source, target } = databases;
    const migrating = await replaying(program, databases);
    const refusal = async (because: RegExp) => {
      const refused = await program.run(['cutover', '--freeze-source', '--confirm', target.name, '--wait', '24h']);
      expect(refused).toMatchObject({ code: 3, stderr: expect.stringMatching(because) });
    };
    await source.query(`ALTER TABLE customers ADD COLUMN more text; INSERT INTO customers VALUES (5000, 'v', 'm')`);
    await migrating.says(`not met: the target's tables follow the source's`);
    await refusal(/TM6002 .*the target's tables follow the source's.*public\.customers/);
    await target.query('ALTER TABLE customers ADD COLUMN more text');
    await migrating.says('Works again');
    await target.query('DELETE FROM orders WHERE id = 7');
    await source.query('UPDATE orders SET total = 0 WHERE id = 7');
    await migrating.says('not met: no table is damaged');
    await refusal(/TM6002 .*no table is damaged.*public\.orders.*\n.*--resync/);
    await giveUp(program, migrating);
  });

  test('a duration is 30s, 5m or 0', async ({ program }) => {
    for (const wrong of ['soon', '-1s', '5', '30d']) {
      const said = await program.run(['cutover', '--confirm', 'x', '--wait', wrong]);
      expect(said, wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^TM1001 .*30s, 5m/) });
    }
  });
});
