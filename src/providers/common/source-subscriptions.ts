import { readMigration } from '../../engine/target/progress-schema.ts';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { type Subscription, surroundings } from '../facts/surroundings.ts';
import { info, listed, pass, warn } from '../outcome.ts';

/** The source forgets the name of the slot when it lets go of it: so it is written out here. */
function creation({ name, publications: from, slot }: Subscription): string {
  const goingOn = slot === null ? '' : `create_slot = false, slot_name = ${quoteLiteral(slot)}, `;
  return `CREATE SUBSCRIPTION ${quoteIdent(name)} CONNECTION '…' PUBLICATION ${from.map(quoteIdent).join(', ')} WITH (${goingOn}copy_data = false);`;
}

/** https://www.postgresql.org/docs/current/sql-createsubscription.html */
export const subscriptions: Check = {
  id: 'source-subscriptions',
  side: 'source',
  title: 'Subscriptions',
  severity: 'warn',
  wanted: 'none, or to be made anew on the target',
  why: 'A subscription writes to the source. What it writes before the cut-over is migrated like every other change. After the cut-over it does not write to the target. Subscriptions are not migrated, because their connection strings hold passwords.',
  fix: 'Disable the subscription before the cut-over. Create it on the target with copy_data = false.',
  async run({ ask }) {
    const { subscriptions: found } = await ask('source', surroundings);
    if (found.length === 0) return pass('none');
    const words = found.map(
      ({ name, enabled, publications: from }) =>
        `${quoteIdent(name)} to ${listed(from.map(quoteIdent))}${enabled ? '' : ', disabled'}`,
    );
    const enabled = found.filter((one) => one.enabled);
    const withSlot = found.filter(({ slot }) => slot !== null);
    return warn(`${listed(words)}: stays on the source`, {
      fix: [
        ...(enabled.length > 0
          ? [
              'Before the cut-over, on the source, so that nothing writes there any more:',
              ...enabled.map(({ name }) => `ALTER SUBSCRIPTION ${quoteIdent(name)} DISABLE;`),
            ]
          : []),
        ...(withSlot.length > 0
          ? [
              'Before the target takes it over, on the source, to let go of the slot of the publisher:',
              ...withSlot.map(({ name }) => `ALTER SUBSCRIPTION ${quoteIdent(name)} SET (slot_name = NONE);`),
            ]
          : []),
        'After the cut-over, on the target, to go on with that slot where the source stopped:',
        ...found.map(creation),
      ].join('\n'),
    });
  },
};

/** https://www.postgresql.org/docs/current/sql-createpublication.html */
export const publications: Check = {
  id: 'source-publications',
  side: 'source',
  title: 'Publications',
  severity: 'info',
  wanted: 'none, or to be made anew on the target',
  why: 'Publications are not migrated. Their subscribers get nothing from the target until they subscribe there.',
  fix: 'Create them on the target before the application writes there. Subscribe to them without copying.',
  async run({ ask, target, resuming }) {
    const ours = resuming ? new Set((await readMigration(target))?.publications) : new Set<string>();
    const found = (await ask('source', surroundings)).publications.filter(({ name }) => !ours.has(name));
    if (found.length === 0) return pass('none');
    return info(`${listed(found.map(({ name }) => quoteIdent(name)))}: stay on the source`, {
      fix: ['After the cut-over, before the application writes, on the target:', ...found.map(({ sql }) => sql)].join(
        '\n',
      ),
    });
  },
};
