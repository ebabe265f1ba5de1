import { z } from 'zod';
import { type OutputPlugin, PLUGINS, type PluginName, pluginNamed } from './decode/plugin.ts';
import { hypertableOptionSchema } from './timescale/hypertable-option.ts';

export const PROVIDERS = ['selfhosted-timescaledb', 'selfhosted-postgres', 'rds', 'mst'] as const;
export type ProviderId = (typeof PROVIDERS)[number];

const jobs = z.number().int().min(1).max(128);

/** The output plugin that a migration from each kind of source uses when none is asked for. */
const DEFAULT_PLUGIN: Readonly<Record<ProviderId, PluginName>> = {
  'selfhosted-postgres': 'pgoutput',
  rds: 'pgoutput',
  'selfhosted-timescaledb': 'test_decoding',
  mst: 'test_decoding',
};

/** The output plugin that the options ask for, or else the one for this kind of source. */
export const pluginOf = (options: Pick<MigrationOptions, 'plugin'>, provider: ProviderId): OutputPlugin =>
  pluginNamed(options.plugin ?? DEFAULT_PLUGIN[provider]);

/** What the operator chose; kept in the work directory and, without secrets, on the target. */
export const migrationOptionsSchema = z.object({
  provider: z.enum(PROVIDERS).nullable().default(null),
  /** The source's output plugin. Null: by the kind of source; what a migration began with says it. */
  plugin: z.enum(PLUGINS).nullable().default(null),
  /** Tables (or parts of tables) copied at once. Null: from both servers' limits. */
  tableJobs: jobs.nullable().default(null),
  /** Indexes built at once. Null: from the target's limits. */
  indexJobs: jobs.nullable().default(null),
  /** Bytes from which a table is copied in parts. */
  splitTablesLargerThan: z
    .number()
    .int()
    .positive()
    .default(1024 ** 3),
  /** Patterns `schema.table`, `*` and `?` as wildcards: schema is migrated, rows are not. */
  skipTableData: z.array(z.string()).default([]),
  /** Patterns of index names that are not built. */
  skipIndex: z.array(z.string()).default([]),
  /** Patterns of tables that are left out altogether. */
  excludeTable: z.array(z.string()).default([]),
  /** Patterns of tables whose key identifies no row in the stream: it is accepted that only their inserts are replayed. */
  insertsOnly: z.array(z.string()).default([]),
  /** Names of schemas that are left out altogether. */
  excludeSchema: z.array(z.string()).default([]),
  /** Entries of the dump as `TYPE schema.name`, left out with everything that depends on them. */
  leaveOut: z.array(z.string()).default([]),
  skipRoles: z.boolean().default(false),
  /** `all`, or the names of extensions that are not created on the target. */
  skipExtensions: z.union([z.literal('all'), z.array(z.string())]).default([]),
  /** Plain tables that become hypertables on the target. */
  hypertables: z.array(hypertableOptionSchema).default([]),
  /** Leave out the indexes and constraints that a hypertable can't have. */
  skipHypertableIncompatibleObjects: z.boolean().default(false),
  /** Start cutting over as soon as replay has caught up. */
  cutover: z.enum(['auto', 'manual']).default('manual'),
  /** Make the source read-only and disconnect writers at the fence of an automatic cut-over. */
  freezeSource: z.boolean().default(false),
  /** Compress chunks once the cut-over is done, as the source had them and as the target's policies would. */
  compress: z.boolean().default(true),
  /** Drop what the source has too from the target before starting. */
  dropIfExists: z.boolean().default(false),
});
export type MigrationOptions = z.infer<typeof migrationOptionsSchema>;

/** What may be changed while a migration is on its way: how it is done, as against what is migrated. */
export type RuntimeOptions = Pick<
  MigrationOptions,
  'tableJobs' | 'indexJobs' | 'cutover' | 'freezeSource' | 'compress' | 'leaveOut'
>;

/** The options that the migration began with, with the present ones where they may change. */
export const withRuntimeOptions = (began: MigrationOptions, now: RuntimeOptions): MigrationOptions => ({
  ...began,
  tableJobs: now.tableJobs,
  indexJobs: now.indexJobs,
  cutover: now.cutover,
  freezeSource: now.freezeSource,
  compress: now.compress,
  leaveOut: now.leaveOut,
});
