import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Finished, type Program, TABLES, test } from './program.ts';

const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const ofType = (finished: Finished, type: string) => finished.events.filter((event) => event.type === type);
const reportOf = (program: Program, name = 'report.md') => {
  const path = join(program.root, name);
  return { path, read: () => readFile(path, 'utf8') };
};

describe('check', () => {
  test('gives every check and every step as an object, and the result last', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    const checked = await program.run(['check', '--json']);
    expect(checked, checked.stderr).toMatchObject({ code: 0, stderr: '' });
    const checks = ofType(checked, 'check');
    for (const check of checks) {
      expect(Object.keys(check).sort()).toEqual(
        ['fix', 'found', 'id', 'side', 'status', 'time', 'title', 'type', 'wanted', 'why'].sort(),
      );
    }
    const steps = ofType(checked, 'step');
    expect(steps).toContainEqual(expect.objectContaining({ id: 'no-ddl', ticked: null, how: expect.any(Array) }));
    expect(checked.events.at(-1)).toMatchObject({
      type: 'result',
      ok: true,
      fail: 0,
      pass: checks.filter(({ status }) => status === 'pass').length,
      steps_open: steps.length,
    });
  });

  test('ticks steps, and remembers that for this source and source kind', async ({ program, databases }) => {
    const { source } = databases;
    const ticked = await program.run(['check', '--tick', 'no-ddl', 'machine-size', '--json']);
    expect(ticked, ticked.stderr).toMatchObject({ code: 0 });
    const done = (finished: Finished) =>
      ofType(finished, 'step').flatMap((step) => (typeof step.ticked === 'string' ? [step.id] : []));
    expect(done(ticked).sort()).toEqual(['machine-size', 'no-ddl']);
    const again = await program.run(['check']);
    expect(again.stdout).toMatch(/\[x\] .*\(no-ddl\)/);
    expect(again.stdout).toMatch(/\[ \] .*\(machine-region\)/);
    expect(done(await program.run(['check', '--provider', 'mst', '--json']))).toEqual([]);
    const other = await program.run([
      'check',
      '--source',
      source.superuserUri.replace(/\/[^/]*$/, '/postgres'),
      '--json',
    ]);
    expect(done(other)).toEqual([]);
    expect(await mode(program.directory)).toBe('700');
    expect(await mode(join(program.directory, 'wizard.json'))).toBe('600');
  });

  test('knows the steps by name', async ({ program }) => {
    const unknown = await program.run(['check', '--tick', 'no-dll']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/^TM1001 local, no-dll: [\s\S]*no-ddl/) });
  });

  test('leaves no trace where nothing was ticked', async ({ program }) => {
    expect((await program.run(['check'])).code).toBe(0);
    await expect(stat(program.directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('says which filters do nothing, and which foreign keys they cut', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    const filters = [
      '--exclude-table',
      'custmers',
      'customers',
      '--skip-index',
      'orders_pkey',
      '--exclude-schema',
      'nix',
    ];
    const checked = await program.run(['check', ...filters, '--skip-extensions', 'postgis', '--json']);
    expect(ofType(checked, 'warning').map(({ text }) => text)).toEqual([
      'exclude tables: no table is called custmers',
      'exclude schemas: no schema is called nix',
      'skip indexes: no index is called orders_pkey (those of constraints are always built)',
      'skip extensions: the source has no extension postgis',
      'public.orders refers to public.customers, which is left out: foreign key orders_customer_fkey is left out, too',
    ]);
    const empty = await program.run(['check', '--skip-table-data', 'customers', '--json']);
    expect(ofType(empty, 'warning')).toMatchObject([{ text: expect.stringContaining('would fail at the cut-over') }]);
  });

  test('warns of a source kind that the server does not look like', async ({ program }) => {
    const checked = await program.run(['check', '--provider', 'rds', '--json']);
    expect(ofType(checked, 'warning')[0]).toMatchObject({
      text: expect.stringMatching(/^This server looks like selfhosted-postgres .* checked as rds/),
    });
  });
});

describe('check --report', () => {
  test('writes what a ticket needs, private', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(`${TABLES} CREATE TABLE "odd \`name" (a int)`);
    const report = reportOf(program);
    const checked = await program.run(['check', '--report', report.path, '--exclude-table', 'nix', '--tick', 'no-ddl']);
    expect(checked, checked.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Report: ${report.path}`),
    });
    expect(await mode(report.path)).toBe('600');
    const text = await report.read();
    for (const part of [
      `- source: \`${source.server.host}:${source.server.port}/`,
      `- target: \`${target.server.host}:${target.server.port}/`,
      'PostgreSQL 15.18',
      'tiger-migrate-tui 0.1.0',
      '- source kind: selfhosted-postgres',
      '- excludeTable: `nix`',
      'exclude tables: no table is called nix',
      '## Passed',
      '- [ ] ',
      '(`no-ddl`, ticked 20',
      '## Tables without replica identity',
      '- ``public."odd `name"``',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('is written when checks fail, with the fix, and keeps exit code and mode', async ({ program, databases }) => {
    await databases.source.query('CREATE TABLE customers (id int PRIMARY KEY)');
    await databases.target.query('CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1)');
    const report = reportOf(program);
    await writeFile(report.path, 'an older one');
    await chmod(report.path, 0o640);
    const checked = await program.run(['check', '--report', report.path, '--json']);
    expect(checked.code).toBe(3);
    expect(checked.events.slice(-2)).toMatchObject([{ type: 'result', ok: false, fail: 1 }, { type: 'error' }]);
    const [failed] = ofType(checked, 'check').filter(({ status }) => status === 'fail');
    const text = await report.read();
    expect(text).not.toContain('an older one');
    expect(text).toContain(`## Failed: must be mended first\n\n### ${failed?.title}\n`);
    expect(text).toContain(String(failed?.fix).split('\n')[0]);
    expect(await mode(report.path)).toBe('640');
  });

  test('is written when a server does not answer', async ({ program }) => {
    const report = reportOf(program);
    const unreachable = 'postgresql://app:unheard-of@127.0.0.1:1/shop';
    const checked = await program.run(['check', '--report', report.path, '--source', unreachable]);
    expect(checked.code).toBe(1);
    const text = await report.read();
    expect(text).toContain('TM1102 source, 127.0.0.1:1/shop');
    expect(text).toContain('- source: `127.0.0.1:1/shop` as `app`');
    expect(text).not.toContain('unheard-of');
  });

  test('holds no secret, in whatever form the connection string has it', async ({ program, databases }) => {
    const { source, target } = databases;
    const { host, port, owner, ownerPassword } = source.server;
    const database = new URL(source.uri).pathname.slice(1);
    const passfile = join(program.root, 'passwords');
    await writeFile(passfile, `${host}:${port}:*:${owner}:${ownerPassword}\n`, { mode: 0o600 });
    const encoded = [...ownerPassword].map((c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
    const login = `host=${host} port=${port} dbname=${database} user=${owner}`;
    const forms = [
      source.uri,
      source.uri.replace(ownerPassword, encoded),
      `postgresql://${owner}@${host}:${port}/${database}?password=${ownerPassword}&sslmode=prefer`,
      `${login} password='${ownerPassword}'`,
      `${login} passfile=${passfile}`,
    ];
    for (const [at, form] of forms.entries()) {
      const report = reportOf(program, `report-${at}.md`);
      const env = { SOURCE: form, TARGET: target.uri };
      const checked = await program.run(['check', '--report', report.path], { env });
      const text = await report.read();
      expect(text, form.replaceAll(ownerPassword, '…')).toContain(`\`${host}:${port}/${database}\``);
      for (const told of [text, checked.stdout, checked.stderr]) {
        expect(told.includes(ownerPassword) || told.includes(encoded)).toBe(false);
      }
    }
    // What is left in files is searched for passwords.
    await rm(passfile);
    const refused = await program.run(['check', '--source', `${login} sslpassword=unheard-of`, '--json']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/^TM1004 /) });
    expect(refused.stdout + refused.stderr).not.toContain('unheard-of');
  });

  test('says at once when it could not be written there', async ({ program }) => {
    await mkdir(join(program.root, 'a-directory'));
    await writeFile(join(program.root, 'a-file'), '');
    for (const [path, why] of [
      ['a-directory', 'it is a directory'],
      ['nowhere/report.md', 'ENOENT'],
      ['a-file/report.md', 'ENOTDIR|EACCES|not a directory'],
    ] as const) {
      const refused = await program.run(['check', '--report', path]);
      expect(refused.code, path).toBe(2);
      expect(refused.stdout).toBe('');
      expect(refused.stderr).toMatch(new RegExp(`^TM1001 local, .*${path}: the report can't be written: .*(${why})`));
    }
  });
});
