import type pg from 'pg';
import { quoteIdent } from '../postgres/identifiers.ts';
import { shopRows, shopSize } from './shop-rows.ts';
import { SHOP_INDEXES, SHOP_LOGIC } from './shop-rules.ts';
import { shopCalendar, shopTables } from './shop-tables.ts';

export interface ShopOptions {
  /** 1 is about 300 MB with indexes; 0.01 is for tests. */
  readonly scale: number;
  /** The date of the newest rows, and with it the months that have partitions. Default now. */
  readonly now?: Date;
  /** The role that the application writes as; gets its rights if it exists. Default `shop_app`. */
  readonly app?: string;
  /** A role that may only read; likewise. Default `shop_reader`. */
  readonly reader?: string;
  readonly onProgress?: (text: string) => void;
}

/**
 * Fills an empty database with a shop, as the role that the client is connected as: tables of many kinds, the rows of
 * which depend on the scale and the date only. Everything runs on the server; scale 1 takes about 10 seconds.
 */
export async function createShop(client: pg.Client, options: ShopOptions): Promise<void> {
  const tell = options.onProgress ?? (() => undefined);
  const calendar = shopCalendar(options.now ?? new Date());

  tell('creating tables');
  await client.query(shopTables(calendar));
  for (const { table, sql } of shopRows(shopSize(options.scale), calendar)) {
    tell(`filling ${table}`);
    await client.query(sql);
  }
  tell('creating indexes and constraints');
  for (const statement of SHOP_INDEXES) await client.query(statement);
  tell('creating functions, triggers and views');
  await client.query(SHOP_LOGIC);
  await grantRights(client, options.app ?? 'shop_app', options.reader ?? 'shop_reader');
  tell('collecting statistics');
  await client.query('ANALYZE');
}

async function grantRights(client: pg.Client, app: string, reader: string): Promise<void> {
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)', [
    [app, reader],
  ]);
  const known = new Set(rows.map(({ rolname }) => rolname));
  const schemas = 'SCHEMA public, "Back Office"';
  if (known.has(app)) {
    const role = quoteIdent(app);
    await client.query(`
      GRANT USAGE ON ${schemas} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN ${schemas} TO ${role};
      REVOKE UPDATE, DELETE ON audit_log FROM ${role};
      GRANT USAGE ON ALL SEQUENCES IN ${schemas} TO ${role};
      REVOKE EXECUTE ON PROCEDURE restock FROM PUBLIC;
      GRANT EXECUTE ON PROCEDURE restock TO ${role}`);
  }
  if (known.has(reader)) {
    const role = quoteIdent(reader);
    await client.query(`
      GRANT USAGE ON SCHEMA public TO ${role};
      GRANT SELECT ON products, categories, orders, order_items, daily_sales, open_orders TO ${role};
      GRANT SELECT (id, name) ON customers TO ${role}`);
  }
}
