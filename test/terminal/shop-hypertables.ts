import type { HypertableRow } from '../../src/state/services.ts';

/** Tables of the shop that may be hypertables: one that is ready, one whose primary key must go, one that is updated. */
export const HYPERTABLES: readonly HypertableRow[] = [
  {
    relation: 'audit.pageviews',
    option: { schema: 'audit', name: 'pageviews', column: 'at', interval: '1 day', hash: null },
    chosen: false,
    recommended: true,
    why: 'big; 0 % of its writes change rows',
    columns: ['at'],
    bytes: 41_000_000_000,
    rows: 310_000_000,
    obstacles: [],
  },
  {
    relation: 'public.events',
    option: { schema: 'public', name: 'events', column: 'created_at', interval: '1 day', hash: null },
    chosen: false,
    recommended: true,
    why: 'big; 2 % of its writes change rows',
    columns: ['created_at', 'received_at'],
    bytes: 9_000_000_000,
    rows: 80_000_000,
    obstacles: [
      {
        relation: 'public.events',
        problem:
          'the primary key events_pkey (id) does not have created_at, so that no chunk could know whether a row is unique',
        remedy:
          'On the source: CREATE UNIQUE INDEX CONCURRENTLY events_pkey_hyper ON public.events (id, created_at); ALTER TABLE public.events REPLICA IDENTITY USING INDEX events_pkey_hyper; That index comes to the target with the schema. On the target leave events_pkey out with --skip-hypertable-incompatible-objects. As it is events_pkey says which row an UPDATE or DELETE means, and the target would search all chunks for it.',
        blocks: true,
      },
      {
        relation: 'public.events',
        problem: 'created_at may be NULL on the source, and may not on the target',
        remedy:
          "A row with NULL would damage the table's copy. On the source: ALTER TABLE public.events ALTER COLUMN created_at SET NOT NULL;",
        blocks: false,
      },
    ],
  },
  {
    relation: 'public.orders',
    option: { schema: 'public', name: 'orders', column: 'placed_at', interval: '7 days', hash: null },
    chosen: false,
    recommended: false,
    why: '62 % of its writes change rows',
    columns: ['placed_at'],
    bytes: 700_000_000,
    rows: 1_200_000,
    obstacles: [],
  },
];
