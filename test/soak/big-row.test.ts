import { describe } from 'vitest';
import { bytea, text } from '../scenarios/big/big-values.ts';
import { MeasuredEngine } from '../scenarios/big/measured-engine.ts';
import { test } from '../support/databases.ts';
import { say } from './say.ts';

const MB = Number(process.env.MB ?? 200);
const FORMS = [
  { name: 'bytea, binary', columns: 'a bytea', values: bytea(MB), set: 'a', beside: '' },
  { name: 'text, binary', columns: 'a text', values: text(MB), set: 'a', beside: '' },
  // No two servers read a regclass the same in binary form: the whole stream is text then.
  { name: 'text, as text', columns: 'a text', values: text(MB), set: 'a', beside: 'CREATE TABLE beside (r regclass);' },
  {
    name: 'three values',
    columns: 'a bytea, b text, c bytea',
    values: `${bytea(MB / 4)}, ${text(MB / 2)}, ${bytea(MB / 4)}`,
    set: 'a, b, c',
    beside: '',
  },
];

/** Not compressed: on the way it would have its full length all the same. */
const external = (columns: string): string =>
  columns
    .split(', ')
    .map((column) => `ALTER TABLE big ALTER ${column.split(' ')[0]} SET STORAGE EXTERNAL;`)
    .join(' ');

describe(`a row of ${MB} MB`, () => {
  test.for(FORMS)('$name: in copy and in replay', async ({ name, columns, values, set, beside }, { databases }) => {
    const source = await databases.source.connect();
    await source.query(`SET synchronous_commit = on; ${beside}
      CREATE TABLE big (id int PRIMARY KEY, n int, ${columns}); ${external(columns)}
      INSERT INTO big SELECT 1, 0, ${values}`);
    await using measured = await MeasuredEngine.start(databases);
    await measured.phase('replay');
    say(`${name}, copy`, { ...(await measured.used()) });
    await measured.applied();
    for (const [what, sql] of [
      ['insert', `INSERT INTO big SELECT 2, 0, ${values}`],
      ['update of another column', 'UPDATE big SET n = n + 1'],
      ['update of the key', 'UPDATE big SET id = id + 100 WHERE id = 2'],
      ['update of the values', `UPDATE big SET (id, ${set}) = (SELECT 2, ${values}) WHERE id = 102`],
      ['three in one transaction', `INSERT INTO big SELECT g, 0, ${values} FROM generate_series(3, 5) g`],
      ['delete', 'DELETE FROM big'],
    ] as const) {
      await source.query(sql);
      const written = performance.now();
      await measured.applied();
      say(`${name}, ${what}`, { lagSeconds: (performance.now() - written) / 1000, ...(await measured.used()) });
    }
    await measured.cutOver();
  });
});
