import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome } from '../check.ts';
import { type Hypertable, timescaleObjects } from '../facts/hypertables.ts';
import { older, timescaledb } from '../facts/timescaledb.ts';
import { counted, fail, listed, pass, warn } from '../outcome.ts';
import { migrated } from '../relations.ts';
import { WITH_TIMESCALEDB } from './timescaledb-versions.ts';

/** Recompression deletes rows by itself, so on compressed hypertables the number of deletes alone proves nothing. */
const isChanged = (one: Hypertable): boolean => one.updated > 0 || (one.deleted > 0 && one.compressedChunks === 0);

const identitySql = (one: Hypertable): string =>
  `ALTER TABLE ${qualified(one)} REPLICA IDENTITY ${one.identityIndex === null ? 'FULL' : `USING INDEX ${quoteIdent(one.identityIndex)}`}`;

/** Set on the hypertable it reaches the chunks that are there and those to come; the counters stand on the chunks. */
export const hypertableIdentity: Check = {
  id: 'timescaledb-identity',
  side: 'source',
  title: 'Replica identity of hypertables',
  severity: 'fail',
  wanted: 'a primary key or a replica identity on every hypertable that has been updated or deleted from',
  why: 'It says which row an UPDATE or DELETE means. Without one these are not in the stream of changes.',
  fix: "SET lock_timeout = '5s'; ALTER TABLE … REPLICA IDENTITY USING INDEX …; or FULL.",
  providers: WITH_TIMESCALEDB,
  async run({ ask, options }) {
    const installed = (await ask('source', timescaledb)).installed ?? '';
    const { hypertables } = await ask('source', timescaleObjects);
    const without = migrated(hypertables, options).filter((one) => !one.hasIdentity);
    const changed = without.filter(isChanged);
    if (without.length === 0) return pass('all hypertables');
    if (changed.length === 0) {
      const unsure = without.filter((one) => one.deleted + one.deletedBatches > 0);
      const names = listed(without.map(displayName));
      if (unsure.length === 0) return pass(`none was updated or deleted from; without identity: ${names}`);
      return warn(
        `deletes were counted on ${listed(unsure.map(displayName))}; recompression made them, or the application`,
        remedy(unsure, installed),
      );
    }
    return fail(
      'TM1215',
      changed
        .map((one) => `${displayName(one)}: ${counted(one.updated, 'update')}, ${counted(one.deleted, 'delete')}`)
        .join('\n'),
      remedy(changed, installed),
    );
  },
};

/** An identity on hypertables came with 2.12, on compressed ones with 2.16. */
const ON_HYPERTABLES = '2.12';
const ON_COMPRESSED = '2.16';

function remedy(all: readonly Hypertable[], installed: string): Pick<CheckOutcome, 'fix' | 'apply'> {
  const sql = all.map(identitySql);
  // While it waits for its locks, everybody who wants the hypertable waits behind it.
  const script = ["SET lock_timeout = '5s'", ...sql].map((one) => `${one};`).join(' ');
  const first = all.some(({ compression }) => compression) ? ON_COMPRESSED : ON_HYPERTABLES;
  if (older(installed, first)) {
    return {
      fix: `TimescaleDB ${installed} refuses that on ${first === ON_COMPRESSED ? 'compressed ' : ''}hypertables: update it to ${first} or newer first. Then as the owner: ${script}`,
    };
  }
  const fix = `As the owner: ${script}`;
  return all.every(({ owned }) => owned) ? { fix, apply: { side: 'source', sql, restart: false } } : { fix };
}

const MANY = 0.1;

export const compressedChanges: Check = {
  id: 'timescaledb-compressed-changes',
  side: 'source',
  title: 'Changes of compressed rows',
  severity: 'warn',
  wanted: `less than ${MANY * 100} % of the compressed chunks changed since they were compressed`,
  why: 'A change of compressed rows unpacks whole batches, all of which go through the stream of changes: far more than the rows that changed.',
  fix: 'Hold back jobs that change old rows (corrections, backfills) until after the cut-over.',
  providers: WITH_TIMESCALEDB,
  async run({ ask, options }) {
    const { hypertables } = await ask('source', timescaleObjects);
    const compressed = migrated(hypertables, options).filter((one) => one.compressedChunks > 0);
    if (compressed.length === 0) return pass('no compressed chunks');
    const described = (one: Hypertable) =>
      `${displayName(one)}: ${one.partialChunks} of ${counted(one.compressedChunks, 'compressed chunk')}`;
    const much = compressed.filter((one) => one.partialChunks >= one.compressedChunks * MANY);
    if (much.length === 0) {
      const partial = compressed.filter((one) => one.partialChunks > 0);
      return pass(partial.length === 0 ? 'none' : listed(partial.map(described)));
    }
    return warn(much.map(described).join('\n'), {
      fix: `Hold back jobs that change old rows of ${listed(much.map(displayName))} (corrections, backfills) until after the cut-over.`,
    });
  },
};
