import type { Check } from '../check.ts';
import { fail, pass, warn } from '../outcome.ts';

const VERSION = "SELECT extversion AS version FROM pg_extension WHERE extname = 'timescaledb'";

/** Versions need not match: hypertables are rebuilt on the target, not their catalog copied. */
const extensionOnBothSides: Check = {
  id: 'timescaledb-extension',
  side: 'target',
  title: 'TimescaleDB on both sides',
  wanted: 'installed on the source, available on the target',
  why: 'Hypertables are created anew on the target.',
  fix: 'Use a target with TimescaleDB: every Tiger Cloud service has it. For a source without it choose another source kind.',
  providers: ['selfhosted-timescaledb', 'mst'],
  async run({ source, target }) {
    const ours = (await source.query<{ version: string }>(VERSION)).rows[0]?.version;
    const theirs = (
      await target.query<{ version: string }>(
        "SELECT coalesce(installed_version, default_version) AS version FROM pg_available_extensions WHERE name = 'timescaledb'",
      )
    ).rows[0]?.version;
    const found = `source ${ours ?? 'none'}, target ${theirs ?? 'none'}`;
    if (theirs === undefined) return fail('TM1214', found);
    return ours === undefined ? warn(found) : pass(found);
  },
};

/** Row changes that no stream shows while this is on (2.17 and newer). */
const batchDelete: Check = {
  id: 'timescaledb-direct-batch-delete',
  side: 'source',
  title: 'Deletes of whole compressed segments',
  wanted: 'timescaledb.enable_compressed_direct_batch_delete = off',
  why: 'Such a DELETE removes compressed rows without any change that logical decoding could show.',
  fix: 'ALTER DATABASE … SET timescaledb.enable_compressed_direct_batch_delete = off; then let all sessions reconnect.',
  providers: ['selfhosted-timescaledb', 'mst'],
  async run({ source }) {
    const { rows } = await source.query<{ setting: string }>(
      "SELECT setting FROM pg_settings WHERE name = 'timescaledb.enable_compressed_direct_batch_delete'",
    );
    const found = rows[0]?.setting;
    if (found === undefined) return pass('this version has no such setting');
    return found === 'off' ? pass('off') : fail('TM1215', found);
  },
};

/** Checks of a self-hosted TimescaleDB source besides those of every source. */
export const TIMESCALEDB_CHECKS: readonly Check[] = [extensionOnBothSides, batchDelete];
