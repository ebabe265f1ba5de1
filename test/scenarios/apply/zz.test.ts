import { describe } from 'vitest';
import { createDatabases } from '../../support/databases.ts';
import { test } from 'vitest';
import { LiveReplay, MODES } from './harness.ts';
const t = async <T>(name: string, work: () => Promise<T>): Promise<T> => { const s = performance.now(); const r = await work(); process.stdout.write(`${name} ${(performance.now()-s).toFixed(0)}\n`); return r; };
describe.each(MODES)('$mode', ({ binary, rows: n }) => {
  test('x', async () => {
    const databases = await t('create', () => createDatabases());
    const live = await t('start', () => LiveReplay.start(databases, { binary, tables: 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u(a json, b point); ALTER TABLE u REPLICA IDENTITY FULL', rows: `INSERT INTO u VALUES ('1', '(1,2)')`}));
    await t('drain0', () => live.drain());
    await t('tx', () => live.transaction(`INSERT INTO t SELECT g, 'b' FROM generate_series(1, ${n}) g; UPDATE t SET v = 'x'`));
    await t('drain1', () => live.drain());
    await t('tx', () => live.transaction(`INSERT INTO t SELECT g+1000, 'b' FROM generate_series(1, ${n}) g; UPDATE t SET v = 'x'`));
    await t('drain2', () => live.drain());
    await t('tx', () => live.transaction(`UPDATE t SET v = 'xx'`));
    await t('drain3', () => live.drain());
    await t('diff', () => live.differences());
    await t('stop', () => live.stop());
    await t('dispose', () => live[Symbol.asyncDispose]());
    await t('drop', () => databases.drop());
  });
});
