import type pg from 'pg';
import type { Random } from './random.ts';
import { CATEGORIES, WAREHOUSES } from './shop-rows.ts';

/** What the writers know about the shop. */
export interface ShopFacts {
  readonly customers: number;
  readonly products: number;
  readonly oldOrders: number;
}

/** Runs one statement and counts its rows. */
export type Run = (sql: string, values?: readonly unknown[]) => Promise<pg.QueryResult>;

/** One kind of thing that a customer or the staff does: the statements of one transaction. */
export interface ShopTransaction {
  readonly name: string;
  /** How often, in proportion to the others. */
  readonly weight: number;
  run(run: Run, random: Random, facts: ShopFacts): Promise<void>;
}

export async function readShopFacts(client: pg.Client): Promise<ShopFacts> {
  const { rows } = await client.query<{ customers: number; products: number; orders: number }>(
    `SELECT (SELECT max(id)::int FROM customers) AS customers, (SELECT max(id) FROM products) AS products,
       (SELECT max(id)::int FROM orders) AS orders`,
  );
  return {
    customers: rows[0]?.customers ?? 1,
    products: rows[0]?.products ?? 1,
    oldOrders: rows[0]?.orders ?? 1,
  };
}

const STATUS_AFTER = `(enum_range(NULL::order_status))[LEAST(5, 1 + array_position(enum_range(NULL::order_status), status))]`;

export const SHOP_TRANSACTIONS: readonly [ShopTransaction, ...ShopTransaction[]] = [
  {
    name: 'look around',
    weight: 30,
    async run(run, random, { customers, products }) {
      await run(
        `INSERT INTO events (kind, customer_id, product_id, visit, took, path)
         SELECT 'view', $1::bigint, $2::int + n, md5($3::text)::uuid, n * interval '1.5 seconds', '/product/' || $2 + n
         FROM generate_series(1, $4::int) n`,
        [random.between(1, customers), random.between(1, products), random.between(1, 1e9), random.between(2, 8)],
      );
    },
  },
  {
    name: 'place an order',
    weight: 24,
    async run(run, random, { customers, products }) {
      const customer = random.between(1, customers);
      const { rows } = await run(
        `INSERT INTO orders (customer_id, total, ship_to) VALUES ($1, $2, jsonb_build_object('city', 'Oslo', 'zip', $3::text))
         RETURNING id, placed_at::text`,
        [customer, random.between(100, 50_000) / 100, `0${random.between(1000, 9999)}`],
      );
      const { id, placed_at: placedAt } = rows[0] as { id: string; placed_at: string };
      const product = random.between(1, products);
      const items = random.between(1, 4);
      await run(
        `INSERT INTO order_items SELECT $1::bigint, n, $2::timestamptz, 1 + ($3::int + n * 7) % $4::int, n, 9.99, NULLIF(n, 2) / 10.0
         FROM generate_series(1, $5::int) n`,
        [id, placedAt, product, products, items],
      );
      await run(
        'UPDATE inventory SET stock = stock - 1 WHERE warehouse = $1 AND product_id = 1 + ($2::int + 7) % $3::int',
        [random.between(1, WAREHOUSES), product, products],
      );
      await run(
        `INSERT INTO payments (order_id, placed_at, method, amount, raw)
         SELECT id, placed_at, 'card', total, '{"try": 1,  "try": 2}'::json FROM orders WHERE id = $1 AND placed_at = $2`,
        [id, placedAt],
      );
      await run('UPDATE customers SET loyalty_points = loyalty_points + 1 WHERE id = $1', [customer]);
    },
  },
  {
    name: 'move an order on',
    weight: 15,
    async run(run, random, { oldOrders }) {
      const id = random.between(1, oldOrders);
      await run(`UPDATE orders SET status = ${STATUS_AFTER} WHERE id = $1`, [id]);
      await run(
        `UPDATE payments SET status = 'captured', authorized_at = COALESCE(authorized_at, now()) WHERE order_id = $1`,
        [id],
      );
    },
  },
  {
    // The long descriptions stay as they are: the change is streamed without them.
    name: 'change a price',
    weight: 10,
    async run(run, random, { products }) {
      await run(
        `UPDATE products SET price = price + 0.01, attributes = jsonb_set(attributes, '{seen}', to_jsonb($2::int))
         WHERE id = $1`,
        [random.between(1, products), random.between(1, 1000)],
      );
    },
  },
  {
    name: 'write a description',
    weight: 2,
    async run(run, random, { products }) {
      await run(
        `UPDATE products SET description =
           (SELECT string_agg(md5($2::text || n), ' ') FROM generate_series(1, 100) n) WHERE id = $1`,
        [random.between(1, products), random.between(1, 1e9)],
      );
    },
  },
  {
    name: 'review a product',
    weight: 6,
    async run(run, random, { customers, products }) {
      await run(`INSERT INTO reviews VALUES ($1, $2, $3, NULL, 'bought it again', now()::timestamp)`, [
        random.between(1, products),
        random.between(1, customers),
        random.between(1, 5),
      ]);
    },
  },
  {
    name: 'change a review',
    weight: 3,
    async run(run, random, { products }) {
      await run('UPDATE reviews SET stars = 1 + stars % 5 WHERE product_id = $1', [random.between(1, products)]);
    },
  },
  {
    name: 'withdraw a review',
    weight: 2,
    async run(run, random, { products }) {
      await run(
        'DELETE FROM reviews WHERE ctid IN (SELECT ctid FROM reviews WHERE product_id = $1 LIMIT 1 FOR UPDATE SKIP LOCKED)',
        [random.between(1, products)],
      );
    },
  },
  {
    // The items and payments go with it, by cascade.
    name: 'cancel an order',
    weight: 3,
    async run(run, random, { oldOrders }) {
      await run('DELETE FROM orders WHERE id = $1', [random.between(1, oldOrders)]);
    },
  },
  {
    name: 'move to another address',
    weight: 3,
    async run(run, random, { customers }) {
      const customer = random.between(1, customers);
      await run('DELETE FROM addresses WHERE customer_id = $1', [customer]);
      await run(
        `INSERT INTO addresses (customer_id, kind, street, city, country, valid)
         VALUES ($1, 'home', 'Neue Straße 1', 'Zürich', 'CH', daterange(current_date, NULL))`,
        [customer],
      );
    },
  },
  {
    // The key changes, and now and then the same key is there again within one transaction.
    name: 'move stock to another warehouse',
    weight: 2,
    async run(run, random, { products }) {
      const [from, to] = [random.between(1, 3 * WAREHOUSES), random.between(1, 3 * WAREHOUSES)];
      const product = random.between(1, products);
      const move = `UPDATE inventory SET warehouse = $2, counted_on = current_date WHERE warehouse = $1 AND product_id = $3
        AND NOT EXISTS (SELECT FROM inventory WHERE warehouse = $2 AND product_id = $3)`;
      await run(move, [from, to, product]);
      if (random.between(1, 3) === 1) await run(move, [to, from, product]);
    },
  },
  {
    // Both have the other's place for a moment, which the deferred unique constraint allows.
    name: 'swap two categories',
    weight: 1,
    async run(run, random) {
      const pair = random.between(7, CATEGORIES - 6);
      await run('SELECT FROM categories WHERE id IN ($1::int, $1 + 6) ORDER BY id FOR UPDATE', [pair]);
      await run(
        `UPDATE categories a SET position = b.position FROM categories b
         WHERE (a.id, b.id) IN (($1::int, $1 + 6), ($1 + 6, $1::int))`,
        [pair],
      );
    },
  },
  {
    name: 'open a session',
    weight: 4,
    async run(run, random, { customers }) {
      await run(`INSERT INTO sessions (token, customer_id, basket) VALUES (gen_random_uuid(), $1, '[]')`, [
        random.between(1, customers),
      ]);
    },
  },
  {
    name: 'note something about a supplier',
    weight: 3,
    async run(run, random) {
      await run(
        `INSERT INTO "Back Office"."Supplier ""Notes""" VALUES ($1, 'Ørsted', $2, NULL)
         ON CONFLICT ("Note No.") DO UPDATE SET "Text" = EXCLUDED."Text", "Rating/5" = 4.50`,
        [random.between(1, 2_000), `line one\nline "two" \\N ${random.between(1, 1000)}`],
      );
    },
  },
  {
    name: 'think again',
    weight: 1,
    async run(run, random, { customers }) {
      const customer = random.between(1, customers);
      await run('SAVEPOINT before');
      await run(`UPDATE customers SET name = 'never seen' WHERE id = $1`, [customer]);
      await run('ROLLBACK TO SAVEPOINT before');
      await run(`UPDATE customers SET phone = NULL WHERE id = $1`, [customer]);
    },
  },
];

const TOTAL_WEIGHT = SHOP_TRANSACTIONS.reduce((sum, { weight }) => sum + weight, 0);

export function pickTransaction(random: Random): ShopTransaction {
  let left = random.between(1, TOTAL_WEIGHT);
  for (const transaction of SHOP_TRANSACTIONS) {
    left -= transaction.weight;
    if (left <= 0) return transaction;
  }
  return SHOP_TRANSACTIONS[0];
}
