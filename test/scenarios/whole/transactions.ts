import type { Random } from '../../../src/demo/random.ts';
import { insertPooled, POOLED_TABLES, updatePooled } from './values.ts';

/** What a transaction works with: its connection's SQL, and numbers that no other connection uses. */
export interface Session {
  run(sql: string): Promise<unknown>;
  readonly random: Random;
  /** 0 to `WRITERS - 1`. */
  readonly writer: number;
  /** A new number that is congruent to `writer` modulo `WRITERS`. */
  fresh(): number;
}

export const WRITERS = 4;

/** One thing that the application does. */
export type Transaction = (session: Session) => Promise<void>;

/** SQL: the row is this connection's, so that connections never wait for each other in circles. */
const mine = ({ writer }: Session, column = 'id') => `abs(${column}) % ${WRITERS} = ${writer}`;

/** SQL: a few rows of this connection, by ctid, whatever the table has for a key. */
const some = (session: Session, table: string, key = 'id', limit = session.random.between(1, 5)) =>
  `ctid IN (SELECT ctid FROM ONLY ${table} WHERE ${mine(session, key)} ORDER BY md5((${key})::text || '${session.random.between(1, 1e6)}') LIMIT ${limit})`;

const count = (session: Session, most = 4) => session.random.between(1, most);

/** Inserts, updates and deletes a few rows of a table with a whole-number key, in a random order. */
const plain =
  (
    table: string,
    key: string,
    insert: (fresh: number, session: Session) => string,
    set: (session: Session) => string,
  ): Transaction =>
  async (session) => {
    for (let step = count(session); step > 0; step -= 1) {
      const what = session.random.between(1, 10);
      if (what <= 4) await session.run(insert(session.fresh(), session));
      else if (what <= 8)
        await session.run(`UPDATE ONLY ${table} SET ${set(session)} WHERE ${some(session, table, key)}`);
      else await session.run(`DELETE FROM ONLY ${table} WHERE ${some(session, table, key, 2)}`);
    }
  };

const word = ({ random }: Session) => `'w${random.between(1, 50)}'`;

/** Run by every connection, each on its own rows. */
export const SHARED: readonly [Transaction, ...Transaction[]] = [
  plain(
    'app.pk_int',
    'id',
    (id, s) => `INSERT INTO app.pk_int (id, v) VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}, n = n + 0.001`,
  ),
  plain(
    'app.full_pk',
    'id',
    (id, s) => `INSERT INTO app.full_pk VALUES (${id}, ${word(s)}, NULL)`,
    (s) => `b = nullif(${word(s)}, 'w1')`,
  ),
  async ({ run, random, writer, fresh }) => {
    const id = writer + WRITERS * random.between(1, 14_000);
    await run(`INSERT INTO app.big VALUES (${fresh()}, 1, 'new')`);
    await run(`UPDATE app.big SET payload = 'u' || grp WHERE id IN (${id}, ${id + WRITERS})`);
    await run(`DELETE FROM app.big WHERE id = ${id + WRITERS * random.between(0, 20)}`);
  },
  plain(
    'app.nodes',
    'id',
    (id, s) => `INSERT INTO app.nodes VALUES (${id}, NULL, ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.generated',
    'id',
    (id, s) => `INSERT INTO app.generated (id, a, b) VALUES (${id}, 1, ${word(s)})`,
    (s) => `a = a + 1, b = ${word(s)}`,
  ),
  plain(
    'app.only_generated',
    'id',
    (id) => `INSERT INTO app.only_generated VALUES (${id})`,
    (s) => `id = id + CASE WHEN id < 8e8 THEN ${WRITERS * 10_000_000 * s.random.between(0, 6)} ELSE 0 END`,
  ),
  plain(
    'app.parent',
    'id',
    (id, s) => `INSERT INTO app.parent VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.child',
    'id',
    (id, s) => `INSERT INTO app.child VALUES (${id}, ${word(s)}, 1)`,
    (s) => `v = ${word(s)}, extra = NULL`,
  ),
  plain(
    'app.grandchild',
    'id',
    (id, s) => `INSERT INTO app.grandchild (id, v) VALUES (${id}, ${word(s)})`,
    (s) => `more = ${word(s)}`,
  ),
  plain(
    'app.doubled',
    'id',
    (id, s) => `INSERT INTO app.doubled VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.always',
    'id',
    (id, s) => `INSERT INTO app.always VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.ruled',
    'id',
    (id, s) => `INSERT INTO app.ruled VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.secret',
    'id',
    (id, s) => `INSERT INTO app.secret VALUES (${id}, 'tenant', ${word(s)})`,
    (s) => `v = ${word(s)}`,
  ),
  plain(
    'app.dropped',
    'id',
    (id, s) => `INSERT INTO app.dropped (id, v) VALUES (${id}, ${word(s)})`,
    (s) => `v = ${word(s)}, late = late + 1`,
  ),
  plain(
    'app.checked',
    'id',
    (id) => `INSERT INTO app.checked VALUES (${id}, 4, 1)`,
    () => 'v = v + 2, w = 3',
  ),
  plain(
    'app.typed',
    'id',
    (id, s) => `INSERT INTO app.typed VALUES (${id}, ${word(s)})`,
    (s) => `label = ${word(s)}`,
  ),
  plain(
    'app.full_odd',
    'owner',
    (id, s) =>
      `INSERT INTO app.full_odd SELECT f.* FROM app.full_odd f WHERE ${mine(s, 'owner')} AND ${id} > 0 LIMIT 1`,
    (s) =>
      `x = xmlelement(name w, ${word(s)}), p = point(1, ${s.random.between(1, 2)}), h = ext.hstore('w', ${word(s)})`,
  ),
  async (session) => {
    const table = session.random.oneOf(POOLED_TABLES);
    const id = session.fresh();
    await session.run(insertPooled(table, id, session.random));
    for (let step = count(session, 3); step > 0; step -= 1) {
      await session.run(updatePooled(table, id - WRITERS * session.random.between(0, 3000), session.random));
    }
    await session.run(`DELETE FROM app.${table} WHERE ${some(session, `app.${table}`, 'id', 1)} AND id % 5 = 0`);
  },
  // Long values stay as they are, or one of them changes.
  async (session) => {
    const set = session.random.oneOf([
      'n = n + 1',
      'n = n + 1, two = NULL',
      `one = repeat(md5(n::text), 120)`,
      `id = id + CASE WHEN id < 1e9 THEN 40000000 ELSE 0 END, n = 0`,
      `three = '{}'`,
    ]);
    await session.run(`UPDATE app.toasts SET ${set} WHERE ${some(session, 'app.toasts')}`);
    await session.run(`UPDATE app.toasts_full SET n = n + 1 WHERE ${some(session, 'app.toasts_full')}`);
    await session.run(
      `INSERT INTO app.toasts (id, n, one) VALUES (${session.fresh()}, 0, repeat(md5('${session.random.between(1, 1e6)}'), 100))`,
    );
  },
  async (session) => {
    const day = `date '2024-06-01' + ${session.random.between(0, 1500)}`;
    const region = session.random.oneOf(['eu', 'uk', 'us', 'asia', 'old']);
    const id = session.fresh() + 1e8;
    await session.run(`INSERT INTO app.orders VALUES (${id}, ${day}, '${region}', ${count(session, 99)}.5, NULL)`);
    await session.run(`INSERT INTO app.items VALUES (${id}, ${day}, '${region}', 1)`);
    // May move the row to another partition.
    await session.run(
      `UPDATE app.orders SET day = day + ${session.random.between(-400, 400)}, note = ${word(session)} WHERE id = ${id - WRITERS * count(session, 9)}`,
    );
    await session.run(`DELETE FROM app.orders WHERE id = ${id - WRITERS * 30}`);
    await session.run(`INSERT INTO app.hashed VALUES ('${id}', 1)`);
    await session.run(`UPDATE app.hashed SET k = k || 'x', v = v + 1 WHERE k = '${id - WRITERS * count(session, 5)}'`);
  },
  // Nothing of it is to be seen, or only a part.
  async (session) => {
    await session.run('SAVEPOINT before');
    await session.run(`UPDATE app.pk_int SET v = 'never seen' WHERE ${some(session, 'app.pk_int')}`);
    await session.run(`INSERT INTO app.no_identity VALUES (${session.fresh()}, NULL, '{never}')`);
    await session.run('ROLLBACK TO SAVEPOINT before');
    await session.run(`INSERT INTO app.no_identity VALUES (${session.fresh()}, '{"b": 1}', NULL)`);
    if (session.random.between(1, 3) === 1) await session.run('ROLLBACK AND CHAIN');
  },
];
