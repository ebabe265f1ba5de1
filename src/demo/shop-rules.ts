/** Keys, indexes and constraints: made after the rows, which is quicker. Each is one statement, so that they can be told. */
export const SHOP_INDEXES: readonly string[] = [
  'ALTER TABLE order_items ADD PRIMARY KEY (order_id, line)',
  'ALTER TABLE payments ADD PRIMARY KEY (id)',
  'ALTER TABLE events ADD PRIMARY KEY (id)',
  'CREATE UNIQUE INDEX customers_email ON customers (lower(email))',
  'CREATE INDEX addresses_customer ON addresses (customer_id) INCLUDE (city)',
  'ALTER TABLE products ADD CONSTRAINT products_sku_key UNIQUE (sku)',
  'CREATE INDEX products_attributes ON products USING gin (attributes jsonb_path_ops)',
  'CREATE INDEX products_tags ON products USING gin (tags)',
  'CREATE INDEX products_name_trigrams ON products USING gin (name gin_trgm_ops)',
  'CREATE INDEX products_for_sale ON products (category_id, price DESC NULLS LAST) WHERE NOT discontinued',
  // Deferred: two categories may swap their places within one transaction.
  'ALTER TABLE categories ADD CONSTRAINT categories_place UNIQUE (parent_id, position) DEFERRABLE INITIALLY DEFERRED',
  'CREATE INDEX orders_customer ON orders (customer_id)',
  "CREATE INDEX orders_open ON orders (placed_at) WHERE status = 'new'",
  'CREATE INDEX order_items_product ON order_items (product_id)',
  'CREATE INDEX payments_order ON payments (order_id)',
  'CREATE INDEX events_visit ON events USING hash (visit)',
  'CREATE INDEX events_at ON events USING brin (at)',
  'CREATE INDEX reviews_product ON reviews (product_id, stars)',
  'CREATE STATISTICS addresses_place (dependencies, ndistinct) ON city, country FROM addresses',
  'ALTER TABLE addresses ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE',
  'ALTER TABLE categories ADD FOREIGN KEY (parent_id) REFERENCES categories',
  'ALTER TABLE products ADD FOREIGN KEY (category_id) REFERENCES categories',
  'ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers',
  `ALTER TABLE order_items ADD FOREIGN KEY (order_id, placed_at) REFERENCES orders ON DELETE CASCADE,
     ADD FOREIGN KEY (product_id) REFERENCES products`,
  'ALTER TABLE payments ADD FOREIGN KEY (order_id, placed_at) REFERENCES orders ON DELETE CASCADE',
  'ALTER TABLE inventory ADD FOREIGN KEY (product_id) REFERENCES products',
  'ALTER TABLE reviews ADD FOREIGN KEY (product_id) REFERENCES products',
  // Not checked against old rows, as it happens in long-lived schemas.
  'ALTER TABLE products ADD CONSTRAINT products_priced CHECK (price > 0) NOT VALID',
];

/** Functions, triggers, views, comments. */
export const SHOP_LOGIC = `
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE FUNCTION audit_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.audit_log (relation, action, key, detail)
  VALUES (TG_TABLE_NAME, TG_OP, COALESCE(NEW.id, OLD.id)::text, jsonb_build_object('status', COALESCE(NEW.status, OLD.status)));
  RETURN NULL;
END $$;

CREATE FUNCTION order_total(wanted bigint) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT COALESCE(sum(quantity * unit_price), 0) FROM public.order_items WHERE order_id = wanted
$$;

CREATE PROCEDURE restock(wanted_product int, amount int DEFAULT 100) LANGUAGE sql AS $$
  UPDATE public.inventory SET stock = stock + amount, counted_on = current_date WHERE product_id = wanted_product
$$;

CREATE AGGREGATE longest(text) (SFUNC = pg_catalog.text_larger, STYPE = text);

CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON products FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF status ON orders
  FOR EACH ROW EXECUTE FUNCTION audit_order();

CREATE VIEW open_orders WITH (security_barrier = true) AS
  SELECT o.id, o.number, c.name AS customer, o.placed_at, o.total, order_total(o.id) AS items_total
  FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'new';

CREATE MATERIALIZED VIEW daily_sales AS
  SELECT (placed_at AT TIME ZONE 'UTC')::date AS day, status, count(*) AS orders, sum(total) AS total
  FROM orders GROUP BY 1, 2;
CREATE UNIQUE INDEX daily_sales_day ON daily_sales (day, status);

CREATE RULE keep_the_log AS ON DELETE TO audit_log DO INSTEAD NOTHING;
ALTER TABLE "Back Office"."Supplier ""Notes""" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody's notes" ON "Back Office"."Supplier ""Notes""" USING (true);

COMMENT ON SCHEMA "Back Office" IS 'What customers don''t see';
COMMENT ON TABLE orders IS 'One row an order, one partition a month';
COMMENT ON COLUMN products.size IS 'Width, height, depth in cm';
COMMENT ON FUNCTION order_total(bigint) IS 'Sum over the items, before discounts';
COMMENT ON INDEX orders_open IS 'For the packing list';
COMMENT ON DOMAIN email_address IS 'Something with an @ in it';
COMMENT ON VIEW open_orders IS 'Orders that nobody has paid yet';
COMMENT ON TRIGGER audit ON orders IS 'Writes audit_log';
COMMENT ON CONSTRAINT products_priced ON products IS 'Nothing is free';
`;
