import type { ShopCalendar } from './shop-tables.ts';

/** How many rows each table starts with. */
export interface ShopSize {
  readonly customers: number;
  readonly addresses: number;
  readonly products: number;
  readonly orders: number;
  readonly events: number;
  readonly auditLog: number;
  readonly reviews: number;
  readonly sessions: number;
  readonly notes: number;
}

/** Scale 1 is about 300 MB with all indexes. */
export const shopSize = (scale: number): ShopSize => {
  const rows = (count: number) => Math.max(10, Math.round(count * scale));
  return {
    customers: rows(40_000),
    addresses: rows(50_000),
    products: rows(10_000),
    orders: rows(150_000),
    events: rows(800_000),
    auditLog: rows(150_000),
    reviews: rows(60_000),
    sessions: rows(10_000),
    notes: rows(500),
  };
};

export const CATEGORIES = 48;
export const WAREHOUSES = 3;

/** A whole number from 0 to n-1 that depends on `i` and the salt only: the same shop on every machine. */
const pick = (salt: number, n: number | string, i = 'i') =>
  `((hashint8extended(${i}, ${salt}) & 2147483647) % ${n})::int`;
const oneOf = (salt: number, words: string, i = 'i') => {
  const list = words.split(' ');
  return `(ARRAY['${list.join("','")}'])[1 + ${pick(salt, list.length, i)}]`;
};
const uuid = (text: string) => `md5(${text})::uuid`;

const FIRST =
  'Ada Bela Carla Dmitri Eun Fatima Gloria Hiro Inès José Kofi Lea Mei Noor Olga Pavel Quinn Rosa Søren Tomás';
const LAST =
  'Adeyemi Bauer Chen Dubois Evans Fischer García Haddad Ivanova Jansen Kim López Müller Nakamura Øberg Patel';
const CITIES = 'Berlin Lagos Lima Lyon Madrid Osaka Oslo Porto Pune Quito Seoul Zürich';
const ADJECTIVES = 'amber brisk calm dusty early faint gentle hollow iron jolly keen light mellow noble oaken plain';
const NOUNS = 'anvil basket chair drill easel flask guitar hammer inkwell jacket kettle lamp mirror notebook oven pot';

/** The statements that fill the tables, each with what it fills; only SQL, so that the server does the work. */
export function shopRows(
  size: ShopSize,
  calendar: ShopCalendar,
): readonly { readonly table: string; readonly sql: string }[] {
  const seconds = Math.max(1, (Date.parse(calendar.today) - Date.parse(calendar.from)) / 1000);
  /** A moment between the calendar's ends, to the microsecond. */
  const moment = (salt: number, i = 'i') =>
    `(timestamptz '${calendar.from} 00:00+00' + ${pick(salt, seconds, i)} * interval '1 second'
      + ${pick(salt + 1, 1_000_000, i)} * interval '1 microsecond')`;
  const series = (count: number) => `generate_series(1, ${count}::bigint) AS i`;

  return [
    {
      table: 'customers',
      sql: `INSERT INTO customers (email, name, phone, preferences, loyalty_points, created_at, updated_at)
        SELECT 'customer' || i || '@example.com', ${oneOf(1, FIRST)} || ' ' || ${oneOf(2, LAST)},
          CASE WHEN i % 3 = 0 THEN '+49 30 ' || ${pick(3, 9_999_999)} END,
          jsonb_build_object('newsletter', i % 2 = 0, 'language', ${oneOf(4, 'de en es fr ja')},
            'big', 12345678901234567890 + i),
          ${pick(5, 5_000)}, ${moment(6)}, ${moment(8)}
        FROM ${series(size.customers)}`,
    },
    {
      table: 'addresses',
      sql: `INSERT INTO addresses (customer_id, kind, street, city, postcode, country, valid)
        SELECT 1 + ${pick(11, size.customers)}, ${oneOf(12, 'home work invoice')},
          ${oneOf(13, LAST)} || ' street ' || ${pick(14, 200)}, ${oneOf(15, CITIES)}, lpad(${pick(16, 99_999)}::text, 5, '0'),
          ${oneOf(17, 'DE ES FR JP NG PE')},
          CASE WHEN i % 4 > 0 THEN daterange('2020-01-01', CASE WHEN i % 3 = 0 THEN date '2030-01-01' + ${pick(18, 900)} END) END
        FROM ${series(size.addresses)}`,
    },
    {
      table: 'categories',
      sql: `INSERT INTO categories
        SELECT i, CASE WHEN i > 6 THEN 1 + (i - 7) % 6 END, i, 'Category ' || i FROM ${series(CATEGORIES)}`,
    },
    {
      // Every third description is longer than a page can hold, and too random to compress: it goes to TOAST.
      table: 'products',
      sql: `INSERT INTO products (category_id, sku, name, description, attributes, tags, price, weight_kg, size, checksum, updated_at)
        SELECT 1 + ${pick(21, CATEGORIES)}, 'SKU-' || lpad(i::text, 8, '0'),
          ${oneOf(22, ADJECTIVES)} || ' ' || ${oneOf(23, NOUNS)} || ' ' || i,
          CASE WHEN i % 3 = 0 THEN (SELECT string_agg(md5(i || 'text' || n), ' ') FROM generate_series(1, 100) n)
            ELSE 'A ' || ${oneOf(22, ADJECTIVES)} || ' thing.' END,
          jsonb_build_object('colour', ${oneOf(24, 'black blue green red white')}, 'ratings', jsonb_build_array(i % 5, i % 7),
            'maker', jsonb_build_object('name', ${oneOf(25, LAST)}, 'since', 1900 + ${pick(26, 120)})),
          ARRAY[${oneOf(27, 'sale new classic')}, ${oneOf(28, 'home garden office')}],
          (99 + ${pick(29, 99_900)}) / 100.0, (1 + ${pick(30, 5_000)}) / 97.0::real,
          ROW(${pick(31, 300)}, ${pick(32, 300)} / 10.0, NULL)::dimensions, decode(md5(i::text), 'hex'), ${moment(33)}
        FROM ${series(size.products)}`,
    },
    {
      // A few orders are older than the oldest month and live in the default partition.
      table: 'orders',
      sql: `INSERT INTO orders (customer_id, status, placed_at, total, ship_to, notes, updated_at)
        SELECT 1 + ${pick(41, size.customers)}, (enum_range(NULL::order_status))[1 + ${pick(42, 5)}],
          ${moment(43)} - CASE WHEN i % 200 = 0 THEN interval '2 years' ELSE interval '0' END, ${pick(45, 50_000)} / 100.0,
          jsonb_build_object('city', ${oneOf(46, CITIES)}, 'zip', lpad(${pick(47, 99_999)}::text, 5, '0')),
          CASE WHEN i % 20 = 0 THEN 'please ring twice: ' || md5(i::text) END, ${moment(48)}
        FROM ${series(size.orders)}`,
    },
    {
      table: 'order_items',
      sql: `INSERT INTO order_items
        SELECT o.id, line, o.placed_at, 1 + ${pick(51, size.products, 'o.id * 10 + line')}, 1 + ${pick(52, 5, 'o.id + line')},
          (99 + ${pick(53, 9_900, 'o.id + line')}) / 100.0,
          CASE WHEN (o.id + line) % 7 = 0 THEN 'NaN' WHEN (o.id + line) % 5 = 0 THEN 0.1 END
        FROM orders o, generate_series(1, 1 + ${pick(54, 4, 'o.id')}) AS line`,
    },
    {
      table: 'payments',
      sql: `INSERT INTO payments (id, order_id, placed_at, method, status, amount, authorized_at, raw)
        SELECT ${uuid("'payment' || o.id")}, o.id, o.placed_at, ${oneOf(61, 'card invoice voucher wallet', 'o.id')},
          (enum_range(NULL::payment_status))[1 + ${pick(62, 5, 'o.id')}], o.total,
          CASE WHEN o.id % 100 = 0 THEN 'infinity' WHEN o.id % 9 > 0 THEN o.placed_at + interval '3.000001 seconds' END,
          CASE WHEN o.id % 4 = 0 THEN ('{"b": 1,  "a": ' || o.id || ', "b": 2}')::json END
        FROM orders o WHERE o.status <> 'new'`,
    },
    {
      table: 'inventory',
      sql: `INSERT INTO inventory
        SELECT w, i, 1000 + ${pick(71, 5_000, 'i * 10 + w')}, date '${calendar.today}' - ${pick(72, 90, 'i + w')},
          CASE WHEN i % 2 = 0 THEN 'R' || ${pick(73, 40)} END
        FROM ${series(size.products)}, generate_series(1, ${WAREHOUSES}) AS w`,
    },
    {
      table: 'events',
      sql: `INSERT INTO events (at, kind, customer_id, product_id, visit, took, path)
        SELECT timestamptz '${calendar.from} 00:00+00' + (${seconds}::float8 * i / ${size.events}) * interval '1 second',
          ${oneOf(81, 'view search basket checkout')}, CASE WHEN i % 3 > 0 THEN 1 + ${pick(82, size.customers)} END,
          1 + ${pick(83, size.products)}, ${uuid("'visit' || i / 8")}, ${pick(84, 90_000)} * interval '1 ms',
          '/product/' || ${pick(83, size.products)} || '?from=' || ${oneOf(85, 'mail search direct partner')}
        FROM ${series(size.events)}`,
    },
    {
      table: 'audit_log',
      sql: `INSERT INTO audit_log (at, relation, action, key, detail)
        SELECT ${moment(91)}, 'orders', 'UPDATE', i::text, jsonb_build_object('status', ${oneOf(93, 'paid shipped delivered')})
        FROM ${series(size.auditLog)}`,
    },
    {
      // Some rows are equal in every column, which a table without a key allows.
      table: 'reviews',
      sql: `INSERT INTO reviews
        SELECT 1 + ${pick(101, size.products)}, CASE WHEN i % 6 > 0 THEN 1 + ${pick(102, size.customers)} END, 1 + ${pick(103, 5)},
          CASE WHEN i % 2 = 0 THEN ${oneOf(104, ADJECTIVES)} || ' ' || ${oneOf(105, NOUNS)} END, repeat(md5(i::text), 1 + ${pick(106, 4)}),
          timestamp '${calendar.from}' + ${pick(107, seconds)} * interval '1 second'
        FROM ${series(size.reviews)}
        UNION ALL SELECT 1, NULL, 5, NULL, 'as always', '${calendar.from}' FROM generate_series(1, 3)`,
    },
    {
      table: 'sessions',
      sql: `INSERT INTO sessions
        SELECT ${uuid("'session' || i")}, 1 + ${pick(111, size.customers)}, ${moment(112)},
          jsonb_build_array(${pick(114, size.products)}, i)
        FROM ${series(size.sessions)}`,
    },
    {
      table: 'supplier notes',
      sql: `INSERT INTO "Back Office"."Supplier ""Notes"""
        SELECT i, ${oneOf(121, LAST)} || E' & Söhne\\t"GmbH"', CASE WHEN i % 5 = 0 THEN E'line one\\nline \\\\. two' END,
          CASE WHEN i % 9 = 0 THEN 'NaN' ELSE ${pick(122, 50)} / 10.0 END
        FROM ${series(size.notes)}`,
    },
  ];
}
