import { choicesForHypertable } from '../../src/providers/identity/choices.ts';
import type { HypertableRow, IdentityRow } from '../../src/state/services.ts';

const EVENTS: Omit<IdentityRow, 'choices'> = {
  relation: 'public.events',
  schema: 'public',
  name: 'events',
  partitions: 0,
  tables: [{ oid: '16401', schema: 'public', name: 'events', identity: 'DEFAULT' }],
  columns: [
    { name: 'id', notNull: true, evidence: 4 },
    { name: 'created_at', notNull: true, evidence: 0 },
  ],
  bytes: 9_000_000_000,
  rows: 80_000_000,
  updatesDeletes: 1900,
  countedSeconds: 90_000,
  cascades: [],
  owner: null,
};

/** Tables of the shop that may be hypertables: one that is ready, one whose primary key must go, one that is updated. */
export const HYPERTABLES: readonly HypertableRow[] = [
  {
    relation: 'audit.pageviews',
    option: { schema: 'audit', name: 'pageviews', column: 'at', interval: '1 day', hash: null, compress: null },
    chosen: false,
    recommended: true,
    why: 'big; 0 % of its writes change rows',
    columns: ['at'],
    bytes: 41_000_000_000,
    compress: { after: '7 days', segmentby: ['site'] },
    rows: 310_000_000,
    obstacles: [],
    remedy: null,
  },
  {
    relation: 'public.events',
    option: { schema: 'public', name: 'events', column: 'created_at', interval: '1 day', hash: null, compress: null },
    chosen: false,
    recommended: true,
    why: 'big; 2 % of its writes change rows',
    columns: ['created_at', 'received_at'],
    bytes: 9_000_000_000,
    rows: 80_000_000,
    compress: { after: '7 days', segmentby: [] },
    obstacles: [
      {
        relation: 'public.events',
        problem:
          'the primary key events_pkey (id) does not have created_at, so that no chunk could know whether a row is unique',
        remedy:
          'On the source: CREATE UNIQUE INDEX CONCURRENTLY events_id_created_at_identity ON public.events (id, created_at); ALTER TABLE public.events REPLICA IDENTITY USING INDEX events_id_created_at_identity; That index comes to the target with the schema. On the target leave events_pkey out with --skip-hypertable-incompatible-objects (o in the wizard). As it is events_pkey says which row an UPDATE or DELETE means, and the target would search all chunks for it.',
        blocks: true,
        leavesOut: 'primary key events_pkey',
        identifies: true,
      },
      {
        relation: 'public.events',
        problem: 'tenant_fkey of public.refunds refers to it, which a hypertable does not allow',
        remedy:
          'On the source: ALTER TABLE public.refunds DROP CONSTRAINT tenant_fkey; or leave it out on the target (o).',
        blocks: true,
        leavesOut: 'foreign key tenant_fkey',
        identifies: false,
      },
    ],
    remedy: { ...EVENTS, choices: choicesForHypertable(EVENTS, [], { key: ['id'], partitions: ['created_at'] }) },
  },
  {
    relation: 'public.orders',
    option: { schema: 'public', name: 'orders', column: 'placed_at', interval: '7 days', hash: null, compress: null },
    chosen: false,
    recommended: false,
    why: '62 % of its writes change rows',
    columns: ['placed_at'],
    bytes: 700_000_000,
    compress: { after: '30 days', segmentby: [] },
    rows: 1_200_000,
    obstacles: [],
    remedy: null,
  },
];
