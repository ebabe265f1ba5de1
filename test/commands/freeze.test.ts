import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { createContext } from '../../src/commands/context.ts';
import { wizardServices } from '../../src/commands/wizard-services.ts';
import { engineEventSchema } from '../../src/engine/events.ts';
import { formatLine } from '../../src/terminal/format-line.ts';
import { remains, TABLES, test } from './program.ts';

const WRITE = `INSERT INTO customers VALUES (1002, 'from a forgotten client')`;

describe.concurrent('the freeze of the source', () => {
  test('stays after a finished migration until it is asked for, and everything says so', async ({
    program,
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const migrated = await program.run(['migrate', '--cutover', 'auto', '--freeze-source', '--json']);
    expect(migrated, migrated.stderr).toMatchObject({ code: 0 });
    const done = engineEventSchema.parse(migrated.events.find(({ type }) => type === 'done'));
    expect(done).toMatchObject({ source_read_only: true });
    const told = formatLine(done) ?? '';
    expect(told).toMatch(/read-only, also after clean; clean --unfreeze makes it writable/);
    // The comparison comes first, then the application.
    expect(told).toMatch(/verify compares every row: run it before [\s\S]*Then point the application/);
    // What has happened; what holds afterwards may change, and is told apart from it.
    expect(done).toMatchObject({
      summary: expect.not.arrayContaining([expect.stringMatching(/stays|until|--unfreeze/)]),
    });

    const equal = await program.run(['verify']);
    expect(equal, equal.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('The cut-over is done') });
    await target.query(`INSERT INTO customers VALUES (2000, 'written on the target')`);
    const different = await program.run(['verify']);
    expect(different).toMatchObject({ code: 4, stdout: expect.stringContaining('the source is read-only') });
    expect(different.stderr).toMatch(/TM7001 .*\n.*nothing is replayed any more.*expected to differ/);
    expect(different.stderr).not.toContain('let replay catch up');

    const stays = /read-only.*clean --unfreeze.*ALTER DATABASE .* RESET default_transaction_read_only;/;
    for (const args of [['clean'], ['clean', '--yes'], ['clean', '--prune', '--yes']]) {
      const cleaned = await program.run(args);
      expect(cleaned, args.join(' ')).toMatchObject({ code: 0, stdout: expect.stringMatching(stays) });
      await expect(source.query(WRITE)).rejects.toThrow(/read-only/);
    }
    expect((await remains(databases)).filter((what) => !what.startsWith('relation'))).toEqual([]);
    // Nothing is recorded any more.
    expect((await program.run(['verify'])).stderr).toContain('No migration is recorded');
    const asked = await program.run(['clean', '--unfreeze', '--json']);
    expect(asked.events).toMatchObject([
      { type: 'result', removed: [expect.stringContaining('takes writes')], left: [] },
    ]);
    await source.query(WRITE);
    expect((await program.run(['clean', '--unfreeze'])).stdout).toBe('Nothing to remove.\n');
  });

  test('is lifted by clean --unfreeze at once, and by the statement that is told', async ({ program, databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    expect((await program.run(['migrate', '--cutover', 'auto', '--freeze-source'])).code).toBe(0);
    const [statement] = /BEGIN READ WRITE; .* COMMIT;/.exec((await program.run(['clean'])).stdout) ?? [];
    await source.query(statement ?? 'no statement');
    await source.query(WRITE);
    await source.query(`ALTER DATABASE ${source.name} SET default_transaction_read_only = on`);
    expect((await program.run(['clean', '--unfreeze', '--prune'])).stdout).toContain('takes writes again');
    await source.query(`DELETE FROM customers WHERE id = 1002; ${WRITE}`);
  });

  test('is lifted from the wizard, which remembers it, also when clean comes after', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    expect((await program.run(['migrate', '--cutover', 'auto', '--freeze-source'])).code).toBe(0);
    const services = wizardServices(
      createContext(
        { dir: program.directory, json: false, yes: false, debug: false },
        { env: {}, write: () => undefined, signal: new AbortController().signal },
      ),
    );
    const readOnly = async () => (await services.findMigration())?.progress.source_read_only;
    expect(await readOnly()).toBe(true);
    await services.unfreeze({ source: source.uri, target: target.uri });
    await source.query(WRITE);
    expect(await readOnly()).toBe(false);
    expect((await program.run(['clean'])).stdout).not.toContain('read-only');
  });

  test('is lifted by clean when the migration was not finished, but not one that the operator has made', async ({
    program,
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const unfinished = async (left: string) => {
      const migrating = program.start(['migrate', '--drop-if-exists']);
      await migrating.says('Replaying changes of the source');
      migrating.kill('SIGKILL');
      await migrating.finished;
      // As a cut-over leaves it that is killed behind its fence.
      await target.query(left);
      await source.query(`ALTER DATABASE ${source.name} SET default_transaction_read_only = on`);
      return program.run(['clean']);
    };
    const lifted = await unfinished(`INSERT INTO tiger_migrate.object (kind, name) VALUES ('source', 'frozen')`);
    expect(lifted).toMatchObject({ code: 0, stdout: expect.stringContaining('takes writes again') });
    await source.query(WRITE);
    const own = await unfinished('SELECT');
    expect(own.stdout).not.toContain('takes writes again');
    expect(own.stdout).toContain('stays read-only');
    await expect(source.query(WRITE)).rejects.toThrow(/read-only/);
  });
});

describe.concurrent('clean --prune', () => {
  test('needs no server once a first clean is done', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    expect((await program.run(['migrate', '--cutover', 'auto'])).code).toBe(0);
    expect(await program.run(['clean'])).toMatchObject({ code: 0, stderr: '' });
    const env = { SOURCE: undefined, TARGET: undefined };
    const pruned = await program.run(['clean', '--prune', '--yes'], { env });
    expect(pruned, pruned.stderr).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Removed local:'),
    });
    expect(existsSync(program.directory)).toBe(false);
    expect((await program.run(['clean', '--prune', '--yes'], { env })).stdout).toBe('Nothing to remove.\n');
  });

  test('needs them while a migration is remembered: its slot would stay', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    const migrating = program.start(['migrate']);
    await migrating.says('Replaying changes of the source');
    migrating.kill('SIGINT');
    await migrating.finished;
    const refused = await program.run(['clean', '--prune', '--yes'], { env: { SOURCE: undefined, TARGET: undefined } });
    expect(refused.code).not.toBe(0);
    expect(existsSync(program.directory)).toBe(true);
    expect((await program.run(['clean', '--prune'])).code).toBe(0);
    expect(existsSync(program.directory)).toBe(false);
  });
});
