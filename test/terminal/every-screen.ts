import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import { hypertableFor } from '../../src/engine/timescale/hypertable-option.ts';
import { WATCHING } from '../../src/engine/troubles.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { compressionScreens } from './compression-screens.ts';
import { attached, checked, ERROR, insert, opened, passed, probed, reach } from './model-play.ts';
import { MOMENT, played } from './played.ts';
import { copySteps, cutoverSteps, replaySteps } from './scripted-migration.ts';
import { CHECKS, IDENTITIES, MANY_IDENTITIES, PLAN, RDS_STEPS, SOURCE_REPORT, SOURCE_URI } from './shop.ts';
import { HYPERTABLES } from './shop-hypertables.ts';

const READ_ONLY_TARGET = {
  code: 'TM5003',
  side: 'target',
  message: 'applying changes to the target: cannot execute INSERT in a read-only transaction',
  hint: 'Wait until the service takes writes again, or free space there.',
} as const;

const all = Number.POSITIVE_INFINITY;
const identities = reach(passed(), { type: 'next' }, { type: 'identities', rows: IDENTITIES });
const onChecks = checked(reach(probed, { type: 'next' }));
const running = reach(
  probed,
  { type: 'next' },
  ...CHECKS.slice(0, 4).map(
    (result): Message => ({ type: 'checked', provider: 'selfhosted-postgres', run: 1, result }),
  ),
);
/** The same with the fix run from the screen and nothing but the restart missing. */
const waiting = reach(
  onChecks,
  { type: 'rerun' },
  ...CHECKS.map((result): Message => {
    const applied = result.id === 'source-wal-level';
    const found = 'replica; logical after a restart';
    const left = applied ? ({ ...result, found, apply: null, restart: 'source' } as const) : result;
    return { type: 'checked', provider: 'selfhosted-postgres', run: 2, result: left };
  }),
  { type: 'checks-ended', provider: 'selfhosted-postgres', run: 2, error: null },
);
const onRds = reach(
  checked(reach(onChecks, { type: 'choose', by: 1 })),
  { type: 'steps', provider: 'rds', source: SOURCE_URI, steps: RDS_STEPS },
  { type: 'move', by: 2 },
);
const SUPABASE = 'Supabase: use the direct connection, port 5432; its pooler cannot replicate.';
const onSupabase = checked(
  reach(
    opened,
    {
      type: 'probed',
      side: 'source',
      edition: opened.connect.source.edition,
      report: {
        ...SOURCE_REPORT,
        providerEvidence: 'role supabase_admin',
        providerNote: SUPABASE,
      },
    },
    { type: 'probed', side: 'target', edition: 1, report: { ...SOURCE_REPORT, provider: null } },
    { type: 'next' },
  ),
);
const many = reach(passed(), { type: 'next' }, { type: 'identities', rows: MANY_IDENTITIES });
const firstChoice = (row: (typeof MANY_IDENTITIES)[number] | undefined) => {
  const choice = row?.choices[0];
  if (!choice) throw new Error('no choice');
  return choice;
};
const chosen = (model: Model): Message => {
  const { run } = model.hypertables;
  const { hypertables } = model.options;
  const rows = HYPERTABLES.map((row) => ({ ...row, chosen: hypertableFor(hypertables, row.option) !== undefined }));
  return { type: 'hypertables', run, rows };
};
const looking = reach(passed(), { type: 'next' }, { type: 'identities', rows: [] }, { type: 'next' });
const onHypertables = reach(looking, chosen(looking));
const toggled = reach(onHypertables, { type: 'toggle' }, { type: 'move', by: 1 }, { type: 'toggle' });
const hindered = reach(toggled, chosen(toggled));
const planned = reach({ ...probed, screen: 'plan' }, { type: 'planned', run: 0, summary: PLAN });
const copying = played(attached, copySteps(), 22);
const copied = played(attached, copySteps(), all);
const event = (payload: EventPayload): Message => ({
  type: 'events',
  events: [{ ...payload, time: new Date(MOMENT).toISOString() } as EngineEvent],
});
const CHUNK = { hypertable: 'public.metrics', parts: 1, rows: 20_000, bytes: 4 * 1024 ** 2 };
const CHUNKS = Array.from({ length: 500 }, (_, at) => ({
  ...CHUNK,
  relation: `_timescaledb_internal._hyper_1_${at}_chunk`,
}));
const chunksMoving = reach(
  attached,
  event({ type: 'phase', phase: 'copy' }),
  event({
    type: 'plan',
    tables: [{ relation: 'public.devices', bytes: 90_000, rows: 400, parts: 1 }, ...CHUNKS],
    indexes_total: 3,
  }),
  ...CHUNKS.slice(0, 121).map(({ relation, bytes, rows }, at) =>
    event({ type: 'table', relation, state: at < 119 ? 'copied' : 'copying', bytes, rows, done: at < 119 ? 1 : 0.4 }),
  ),
);
const chunksListed = reach(chunksMoving, { type: 'read', reader: 'tables' });
const chunksPlanned = reach(
  { ...probed, screen: 'plan' },
  {
    type: 'planned',
    run: 0,
    summary: { ...PLAN, tables: [...PLAN.tables, ...CHUNKS.map((one) => ({ ...one, note: '' }))] },
  },
);
const behind = played(copied, replaySteps(), 11);
const caughtUp = played(copied, replaySteps(), 60);
const cutover = reach(caughtUp, { type: 'open-cutover' }, insert('tsdb'));
const done = played(cutover, cutoverSteps(), all);
const early = reach(behind, { type: 'open-cutover' }, insert('tsd'), { type: 'next' });
const existing = {
  running: false,
  progress: behind.engine.progress ?? attached.engine.progress,
  source: 'postgres://app@db.shop.example:5432/shop',
  target: 'postgres://tsdbadmin@x1.y2.tsdb.cloud.example:34567/tsdb',
};
const DAMAGE = {
  code: 'TM5001',
  reason: 'update of the row with id=4711 hit 0 rows instead of one',
  row: 'id=4711',
  lsn: '5A/1C0FFEE0',
} as const;
const altered = reach(
  caughtUp,
  event({
    type: 'schema_changes',
    changes: [
      {
        kind: 'column-renamed',
        table: 'public.orders',
        what: 'the column note is called remark now',
        means: 'Replay waits at the first change that names it so, and goes on once the target calls it the same.',
        sql: ['ALTER TABLE "public"."orders" RENAME COLUMN "note" TO "remark";'],
        source_sql: [],
        locks: true,
        copy_again: false,
      },
      {
        kind: 'table-dropped',
        table: 'public.carts',
        what: 'the table was dropped on the source',
        means: 'Nothing more comes for it. On the target it stays as it is; drop it there if it is not wanted.',
        sql: ['DROP TABLE "public"."carts";'],
        source_sql: [],
        locks: false,
        copy_again: false,
      },
    ],
  }),
);
const redefined = reach(
  caughtUp,
  event({
    type: 'definition_changes',
    changes: [
      {
        key: '["view","public","open_orders"]',
        object: 'view public.open_orders',
        what: 'view public.open_orders was changed: definition',
        sql: [
          'CREATE OR REPLACE VIEW "public"."open_orders" AS SELECT "id"\n   FROM "public"."orders"\n  WHERE ("state" = 1)',
        ],
        at_once: [],
        when: 'now',
      },
      {
        key: '["trigger","public","orders","audit"]',
        object: 'trigger public.orders.audit',
        what: 'trigger public.orders.audit was dropped',
        sql: ['DROP TRIGGER IF EXISTS "audit" ON "public"."orders"'],
        at_once: [],
        when: 'cutover',
      },
      {
        key: '["aggregate","public","median","integer"]',
        object: 'aggregate public.median(integer)',
        what: 'aggregate public.median(integer) was created',
        sql: [],
        at_once: [],
        when: 'hand',
      },
    ],
  }),
);
const damaged = reach(
  caughtUp,
  event({
    type: 'table',
    relation: 'public.orders',
    state: 'damaged',
    bytes: 1_000_000,
    rows: 120_000,
    done: 1,
    damage: DAMAGE,
  }),
  event({
    type: 'warning',
    text: `public.orders is damaged and no longer follows the source; the other tables do: ${DAMAGE.code} ${DAMAGE.reason}, committed at ${DAMAGE.lsn}.`,
  }),
  event({ type: 'gate', id: 'damaged', title: 'no table is damaged', ok: false, detail: 'public.orders' }),
);
const refused = reach(opened, {
  type: 'probe-failed',
  side: 'source',
  edition: opened.connect.source.edition,
  error: ERROR,
});

/** Every screen, overlay and state that has a face of its own. */
export const EVERY_SCREEN: Readonly<Record<string, Model>> = {
  opening: initialModel({ now: 0 }),
  'connect, empty': reach(initialModel({ now: 0 }), {
    type: 'opened',
    existing: null,
    prefill: { source: '', target: '' },
  }),
  'connect, refused': reach(refused, { type: 'next' }),
  'connect, found': probed,
  'connect, a platform without a tab': reach(opened, {
    type: 'probed',
    side: 'source',
    edition: opened.connect.source.edition,
    report: { ...SOURCE_REPORT, providerNote: SUPABASE },
  }),
  'checks, running': running,
  checks: onChecks,
  'checks, a question': reach(onChecks, { type: 'apply' }),
  'checks, in full': reach(onChecks, { type: 'read', reader: 'check' }),
  'checks, waiting for a restart': waiting,
  'checks, could not run': reach(
    onChecks,
    { type: 'rerun' },
    { type: 'checks-ended', provider: 'selfhosted-postgres', run: 2, error: ERROR },
  ),
  'checks, a step of another kind': onRds,
  'checks, a step in full': reach(onRds, { type: 'read', reader: 'check' }),
  'checks, a platform without a tab': onSupabase,
  identity: identities,
  'identity, many': many,
  'identity, a question': reach(many, { type: 'apply-all' }),
  'identity, in full': reach(many, { type: 'move', by: 3 }, { type: 'read', reader: 'check' }),
  'identity, a new index': reach(many, { type: 'move', by: 2 }),
  'identity, columns': reach(many, { type: 'move', by: 3 }, { type: 'edit-row' }, insert('device, at')),
  'identity, partitions': reach(many, { type: 'move', by: 3 }, { type: 'edit-row' }, insert('device, at'), {
    type: 'next',
  }),
  'identity, being applied': reach(many, { type: 'move', by: 2 }, { type: 'apply' }, { type: 'yes' }),
  'identity, locked': reach(many, { type: 'next' }),
  'identity, refused': reach(many, {
    type: 'identity-applied',
    choice: firstChoice(MANY_IDENTITIES[2]),
    error: {
      code: 'TM1216',
      side: 'source',
      object: 'public.events',
      message: 'its rows are not unique by (id): Key (id)=(7) is duplicated. Nothing was changed',
      hint: 'Name other columns (key e), or choose FULL.',
    },
  }),
  'identity, nothing to do': reach(passed(), { type: 'next' }, { type: 'identities', rows: [] }),
  'hypertables, looking': looking,
  hypertables: onHypertables,
  'hypertables, locked': reach(hindered, { type: 'next' }),
  'hypertables, a question': reach(hindered, { type: 'apply' }),
  'hypertables, being applied': reach(hindered, { type: 'apply' }, { type: 'yes' }),
  'hypertables, in full': reach(hindered, { type: 'read', reader: 'check' }),
  'hypertables, a field': reach(hindered, { type: 'edit-row' }),
  'hypertables, none': reach(looking, { type: 'hypertables', run: looking.hypertables.run, rows: [] }),
  plan: planned,
  'plan, a field': reach(planned, { type: 'edit-row' }, insert('audit.*')),
  'plan, remarks': reach(
    { ...probed, screen: 'plan' },
    {
      type: 'planned',
      run: 0,
      summary: {
        ...PLAN,
        remarks: [
          'exclude tables: no table is called audit.pageviews',
          'public.orders refers to public.customers, which is left out: foreign key orders_customer_fkey is left out, too',
        ],
      },
    },
  ),
  'plan, the start': reach({ ...planned, checks: onChecks.checks }, { type: 'next' }),
  'plan, tables': reach(planned, { type: 'read', reader: 'tables' }),
  'dashboard, schema': played(attached, copySteps(), 3),
  'dashboard, copy': copying,
  'dashboard, chunks': chunksMoving,
  'dashboard, replay': behind,
  'dashboard, caught up': caughtUp,
  'dashboard, trouble': reach(behind, event({ type: 'error', error: ERROR })),
  'dashboard, trying again': reach(
    behind,
    event({ type: 'retry', what: WATCHING, policy: 'retry', error: { ...ERROR, code: 'TM4001' }, retry_ms: 1000 }),
  ),
  'dashboard, waiting for the operator': reach(
    behind,
    event({
      type: 'retry',
      what: 'receiving changes from the source',
      policy: 'retry',
      error: { ...ERROR, code: 'TM4001' },
      retry_ms: 1000,
    }),
    event({
      type: 'retry',
      what: 'applying changes to the target',
      policy: 'operator',
      error: READ_ONLY_TARGET,
      retry_ms: 5000,
    }),
  ),
  'dashboard, engine gone': reach(caughtUp, { type: 'closed', error: { ...ERROR, code: 'TM1306' } }),
  'dashboard, a damaged table': damaged,
  'dashboard, copy it again': reach(damaged, { type: 'ask-resync' }),
  'cut-over, a damaged table': reach(damaged, { type: 'open-cutover' }, insert('tsdb'), { type: 'next' }),
  'cut-over, conditions open': early,
  'cut-over, confirmed': cutover,
  'cut-over, running': played(cutover, cutoverSteps(), 6),
  done,
  ...compressionScreens(done),
  failed: reach(behind, event({ type: 'error', error: ERROR }), event({ type: 'phase', phase: 'failed' })),
  resume: reach(initialModel({ now: 0 }), {
    type: 'opened',
    existing: existing.progress ? { ...existing, progress: existing.progress } : null,
    prefill: { source: '', target: '' },
  }),
  'overlay, help': reach(behind, { type: 'read', reader: 'help' }),
  'overlay, hypertables': chunksListed,
  'overlay, chunks': reach(chunksListed, { type: 'toggle' }, { type: 'move', by: 1 }),
  'plan, chunks': chunksPlanned,
  'overlay, plan with chunks': reach(chunksPlanned, { type: 'read', reader: 'tables' }, { type: 'toggle' }),
  'overlay, tables': reach(copying, { type: 'read', reader: 'tables' }),
  'overlay, a damaged table': reach(damaged, { type: 'read', reader: 'tables' }),
  'overlay, log': reach(caughtUp, { type: 'read', reader: 'log' }),
  'replay, the source was altered': altered,
  'replay, definitions were changed': redefined,
  'overlay, changed definitions': reach(redefined, { type: 'read', reader: 'changes' }),
  'overlay, carry definitions over': reach(redefined, { type: 'ask-carry-over' }),
  'cut-over, definitions were changed': reach(redefined, { type: 'open-cutover' }),
  'overlay, changes of the source': reach(altered, { type: 'read', reader: 'changes' }),
  'overlay, warnings': reach(caughtUp, { type: 'read', reader: 'warnings' }),
  'overlay, stop': reach(behind, { type: 'ask-stop' }, insert('sto')),
};
