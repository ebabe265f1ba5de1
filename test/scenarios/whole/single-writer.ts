import type { Session, Transaction } from './transactions.ts';

/** Rows by chance, of a table that only one connection writes. */
const any = ({ random }: Session, table: string, limit = 3) =>
  `ctid IN (SELECT ctid FROM ONLY ${table} ORDER BY md5(ctid::text || '${random.between(1, 1e6)}') LIMIT ${random.between(1, limit)})`;

const HOSTILE_SCHEMA = `E'  Sch\\'ema "q" \\\\ %s $1 🐯\\n'`;

/** Of the writer of big transactions: one in five is. */
let bigRounds = 0;

/** Each is run by one connection alone: what several did at once would meet in unique keys or table locks. */
export const SINGLE: readonly [Transaction, ...Transaction[]] = [
  async (session) => {
    const { run, random } = session;
    await run(`INSERT INTO app.pk_uuid (v) VALUES (${random.between(1, 9)})`);
    await run(`UPDATE app.pk_uuid SET v = v + 1 WHERE ${any(session, 'app.pk_uuid')}`);
    await run(`DELETE FROM app.pk_uuid WHERE ${any(session, 'app.pk_uuid', 1)}`);
    await run(`INSERT INTO app.pk_bigint (v) VALUES ('n'), ('m')`);
    await run(`UPDATE app.pk_bigint SET v = NULL WHERE ${any(session, 'app.pk_bigint')}`);
  },
  // Keys that are equal without being the same.
  async (session) => {
    const { run, fresh } = session;
    await run(`INSERT INTO app.pk_text VALUES ('New ${fresh()}', 'x')`);
    await run(
      `UPDATE app.pk_text SET id = CASE WHEN id = upper(id) COLLATE "C" THEN lower(id) ELSE upper(id) END WHERE ${any(session, 'app.pk_text')}`,
    );
    await run(`UPDATE app.pk_text SET v = md5(v) WHERE ${any(session, 'app.pk_text')}`);
    await run(`INSERT INTO app.pk_citext VALUES ('New ${fresh()}', 1)`);
    await run(`UPDATE app.pk_citext SET id = upper(id::text), v = -v WHERE ${any(session, 'app.pk_citext')}`);
    await run(`DELETE FROM app.pk_citext WHERE ${any(session, 'app.pk_citext', 1)}`);
  },
  async (session) => {
    const { run, random, fresh } = session;
    await run(`INSERT INTO app.pk_composite VALUES ('v', 'n', ${fresh()}, '2026-01-01')`);
    await run(
      `UPDATE app.pk_composite SET b = b || 'x', c = c + 1 WHERE length(b) < 20 AND ${any(session, 'app.pk_composite')}`,
    );
    await run(`UPDATE app.pk_composite SET v = ${random.between(1, 99)} WHERE ${any(session, 'app.pk_composite')}`);
    await run(`DELETE FROM app.pk_composite WHERE ${any(session, 'app.pk_composite', 1)}`);
    await run(`UPDATE app.pk_enum SET v = 'u', amount = ${fresh()}.50 WHERE ${any(session, 'app.pk_enum', 1)}`);
    await run(`INSERT INTO app.by_index VALUES (NULL, ${fresh()}, 'new', NULL)`);
    await run(`UPDATE app.by_index SET b = b || '!', a = -a WHERE length(b) < 15 AND ${any(session, 'app.by_index')}`);
    await run(`UPDATE app.by_index SET id = NULL, v = 'w' WHERE ${any(session, 'app.by_index')}`);
    await run(`DELETE FROM app.by_index WHERE ${any(session, 'app.by_index', 1)}`);
  },
  // Equal rows, of which one or some are meant.
  async (session) => {
    const { run, random } = session;
    await run(`INSERT INTO app.full_bare SELECT * FROM app.full_bare WHERE ${any(session, 'app.full_bare')}`);
    await run(
      `UPDATE app.full_bare SET c = ${random.oneOf(['NULL', '1.5', '1.50', `'NaN'`])} WHERE ${any(session, 'app.full_bare')}`,
    );
    await run(
      `UPDATE app.full_bare SET d = ${random.oneOf(['NULL', `'infinity'`])}, a = NULL WHERE a = 1 AND ${any(session, 'app.full_bare')}`,
    );
    await run(`DELETE FROM app.full_bare WHERE ${any(session, 'app.full_bare', 2)}`);
    await run(`INSERT INTO app.full_nothing DEFAULT VALUES`);
    await run(`DELETE FROM app.full_nothing WHERE ${any(session, 'app.full_nothing', 1)}`);
    await run('INSERT INTO app.no_columns DEFAULT VALUES');
    await run('INSERT INTO app.all_generated DEFAULT VALUES');
  },
  // Values that change places inside one transaction.
  async (session) => {
    const { run, random } = session;
    const [a, b] = [random.between(1, 100), random.between(101, 200)];
    await run(`UPDATE app.swaps SET id = CASE id WHEN ${a} THEN -${a} ELSE -${b} END WHERE id IN (${a}, ${b})`);
    await run(`UPDATE app.swaps SET id = CASE id WHEN -${a} THEN ${b} ELSE ${a} END WHERE id IN (-${a}, -${b})`);
    await run(
      `UPDATE app.swaps SET code = -code WHERE id = ${a}; UPDATE app.swaps SET code = -code, v = 'c' WHERE id = ${a}`,
    );
    await run('SET CONSTRAINTS ALL DEFERRED');
    await run(`UPDATE app.deferred SET place = ${a} + ${b} - place WHERE place IN (${a}, ${b})`);
    await run(`UPDATE app.full_unique SET a = ${a} + ${b} - a WHERE a IN (${a}, ${b})`);
    await run(`UPDATE app.full_unique SET b = -${a} - ${b} - b WHERE b IN (-${a}, -${b})`);
  },
  async ({ run, random, fresh }) => {
    await run('SET CONSTRAINTS ALL DEFERRED');
    const id = fresh();
    await run(`INSERT INTO app.egg VALUES (${id}, ${id})`);
    await run(`INSERT INTO app.chicken VALUES (${id}, ${id})`);
    await run(`UPDATE app.chicken SET egg = NULL WHERE id = ${random.between(1, 100)}`);
    const [from, during] = [random.between(1, 1e6), "interval '30 minutes'"];
    await run(`INSERT INTO app.bookings VALUES (${id}, ${-random.between(1, 5)}, tstzrange(now(), NULL))`);
    await run(
      `UPDATE app.bookings SET during = tstzrange(lower(during), lower(during) + ${during}) WHERE id = ${from % 200}`,
    );
    await run(`INSERT INTO app.loose VALUES (${id}, NULL)`);
    await run(`INSERT INTO app.refers_parts VALUES (${id}, NULL)`);
    // Cascades on the source; each row of it comes by itself.
    await run(`DELETE FROM app.nodes WHERE id = ${random.between(1, 300)} AND id % 4 = 0`);
  },
  async ({ run, random, fresh }) => {
    await run(`INSERT INTO app.emptied_a (v) VALUES ('a'), ('b')`);
    await run(`INSERT INTO app.emptied_b (v) VALUES ('b')`);
    await run(`INSERT INTO app.emptied_c (v) VALUES ('c'); INSERT INTO app.emptied_log VALUES ('2026-01-01', 'l')`);
    await run(`UPDATE app.emptied_a SET v = 'u'; UPDATE app.emptied_b SET v = 'u'`);
    const what = random.between(1, 6);
    if (what === 1) await run('TRUNCATE app.emptied_b, app.emptied_c, app.emptied_a RESTART IDENTITY');
    if (what === 2) await run('TRUNCATE app.emptied_a CASCADE; TRUNCATE app.emptied_log');
    if (what === 3)
      await run('TRUNCATE app.emptied_c; SAVEPOINT s; TRUNCATE app.emptied_a CASCADE; ROLLBACK TO SAVEPOINT s');
    await run(`INSERT INTO app.emptied_a (v) VALUES ('after ${fresh()}')`);
  },
  async (session) => {
    const { run, random, writer } = session;
    await run(`INSERT INTO app.identity_always (owner, v) VALUES (${writer}, 'n')`);
    await run(
      `INSERT INTO app.identity_always (id, owner, v) OVERRIDING SYSTEM VALUE VALUES (${session.fresh() + 1000}, 0, 'given')`,
    );
    await run(`UPDATE app.identity_always SET v = 'u' WHERE ${any(session, 'app.identity_always')}`);
    await run(`UPDATE app.identity_always SET id = DEFAULT WHERE ${any(session, 'app.identity_always', 1)}`);
    await run(`INSERT INTO app.identity_other (k) VALUES ('n${session.fresh()}')`);
    await run(`UPDATE app.identity_other SET v = 'u', n = DEFAULT WHERE ${any(session, 'app.identity_other')}`);
    await run(`INSERT INTO app.serials (small) VALUES (DEFAULT), (3)`);
    await run(
      `SELECT nextval('app.standalone'), nextval('app.down'), nextval('app.around'), nextval('app.small'), nextval('app.unlogged_sequence')`,
    );
    if (random.between(1, 4) === 1) await run(`ALTER SEQUENCE app.restarted RESTART WITH ${random.between(1, 9999)}`);
    await run(
      `INSERT INTO app.cache (k, v) VALUES ('c${session.fresh()}', '{}'); DELETE FROM app.cache WHERE ${any(session, 'app.cache', 1)}`,
    );
    await run(`INSERT INTO app.log VALUES (now(), E'line\\nbreak')`);
  },
  async ({ run, random, fresh }) => {
    await run(
      `UPDATE app.wide SET c${random.between(2, 1600)} = NULL, c9 = 'nine' WHERE id = ${random.between(1, 20)}`,
    );
    await run(`INSERT INTO app.wide (id, c5) VALUES (${fresh()}, 'five')`);
  },
  async ({ run, fresh }) => {
    const low = 1_000_000_000 + fresh();
    bigRounds += 1;
    if (bigRounds % 5 === 0) {
      await run(
        `INSERT INTO app.big SELECT -${low} - g, g, md5(g::text) FROM generate_series(1, 20000) g ON CONFLICT DO NOTHING`,
      );
      await run(`UPDATE app.big SET grp = -grp WHERE id < -${low} AND id % 10 = 0`);
      await run(`DELETE FROM app.big WHERE id < -${low} + 4 AND id % 4 <> 0`);
    } else {
      await run(`DELETE FROM app.big WHERE ctid IN (SELECT ctid FROM app.big WHERE id < -1000000000 LIMIT 1000)`);
    }
  },
  // By every name of 7-names.sql.
  async ({ run, fresh }) => {
    await run(`DO $do$ DECLARE t text; s text := ${HOSTILE_SCHEMA};
      BEGIN
        FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = s LOOP
          EXECUTE format('INSERT INTO %I.%I (id, %I) VALUES (%s, %L)', s, t, t, ${fresh()}, 'it''s ' || t || ' ');
          EXECUTE format('UPDATE %I.%I SET %I = md5(%I) WHERE id > %s', s, t, t, t, ${fresh()} - 400);
          EXECUTE format('UPDATE %I.%I SET %I = %L WHERE id > %s', s, t, 'j' || t, '{"a": "b"}', ${fresh()} - 200);
          EXECUTE format('DELETE FROM %I.%I WHERE id %% 3 = 0 AND id < %s', s, t, ${fresh()});
        END LOOP;
      END $do$`);
  },
];
