import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { pass, warn } from '../outcome.ts';

const isMst: Check = {
  id: 'mst-source',
  side: 'source',
  title: 'Managed Service for TimescaleDB',
  wanted: 'the source is a Managed Service for TimescaleDB',
  why: 'The remedies on this tab are steps in its console.',
  fix: 'Choose another source kind (--provider).',
  providers: ['mst'],
  async run({ source }) {
    const { aiven } = await firstRow<{ aiven: string }>(
      source,
      "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'aiven_extras') AS aiven",
    );
    return aiven === 't'
      ? pass('it offers the extension aiven_extras')
      : warn('no extension aiven_extras: this does not look like a Managed Service for TimescaleDB');
  },
};

/** Checks of a Managed Service for TimescaleDB besides those of every source. */
export const MST_CHECKS: readonly Check[] = [isMst];
