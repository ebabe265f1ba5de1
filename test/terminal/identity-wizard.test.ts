import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import { type OpenedWizard, openWizard } from './open-wizard.ts';
import { CHECKS, IDENTITIES, MANY_IDENTITIES, SOURCE_URI, TARGET_URI } from './shop.ts';

const prefill = { source: SOURCE_URI, target: TARGET_URI };
const checks = CHECKS.map((check) => ({ ...check, status: 'pass' as const }));

async function toIdentities(of: Parameters<typeof openWizard>[0] = {}): Promise<OpenedWizard> {
  const wizard = openWizard({ prefill, checks, identities: MANY_IDENTITIES, ...of });
  await wizard.shows('18 ms away');
  wizard.press('enter');
  await wizard.shows(/0 failed/);
  wizard.press('enter');
  await wizard.shows('of 25 tables to decide');
  return wizard;
}

async function leave(wizard: OpenedWizard): Promise<void> {
  wizard.press('ctrlC');
  await wizard.ended;
}

describe('the replica identity screen', () => {
  it.each([
    [80, 24],
    [60, 18],
  ])('at %i by %i applies one table, then saves the others as a file', async (columns, rows) => {
    const wizard = await toIdentities({ columns, rows });
    await wizard.shows('(x) unique index sessions_token_key (token)');
    wizard.press({ type: 'a' });
    await wizard.shows('REPLICA IDENTITY USING');
    await wizard.shows('y / n');
    wizard.press({ type: 'y' });
    await wizard.shows(/✓ +public\.sessions/);
    expect(wizard.services.calls).toContain('applyIdentity public.sessions index');
    wizard.press({ type: 's' });
    await wizard.shows('saved as /home/operator');
    expect(wizard.services.calls.at(-1)).toBe(
      'saveIdentitySql public.events create-index, public.metrics full, public.new full',
    );
    await leave(wizard);
  });

  it('takes the columns of a new index, and letters that are keys elsewhere', async () => {
    const wizard = await toIdentities();
    wizard.press({ type: 'j' }, { type: 'j' });
    await wizard.shows('public.metrics (3 of 25)');
    wizard.press({ type: 'l' });
    await wizard.shows('(x) a new unique index on each of 12 partitions: name its columns');
    wizard.press({ type: 'e' });
    await wizard.shows('NOT NULL: device, at');
    for (const letter of 'qaArs') wizard.press({ type: letter });
    await wizard.shows('columns  qaArs');
    wizard.press({ type: '\u0015' });
    for (const letter of 'device, at') wizard.press({ type: letter });
    wizard.press('enter');
    await wizard.shows('(x) new unique index on (device, at) on each of 12 partitions');
    wizard.press({ type: 'v' });
    await wizard.shows('A partition that is made during the migration has none');
    await leave(wizard);
  });

  it('says which table failed and why, and goes on', async () => {
    const error = new MigrateError('TM1216', {
      side: 'source',
      object: 'public.sessions',
      message: 'the table was locked for more than 5 seconds by session 4711',
      hint: 'Apply again.',
    });
    const wizard = await toIdentities({ fail: { applyIdentity: error } });
    wizard.press({ type: 'A' });
    // Thirty lines: each y shows the rest first.
    await wizard.shows('Run this on the source?  1-14 of 30');
    wizard.press({ type: 'y' });
    await wizard.shows('15-28 of 30');
    wizard.press({ type: 'y' });
    await wizard.shows('17-30 of 30');
    wizard.press({ type: 'y' });
    await wizard.shows('TM1216 source, public.sessions: the table was locked');
    expect(wizard.services.calls.filter((call) => call.startsWith('applyIdentity'))).toHaveLength(1);
    wizard.press('enter');
    await wizard.shows('locked: apply a choice (a, or A for all) to public.sessions');
    wizard.press({ type: 'l' });
    await wizard.shows('(x) REPLICA IDENTITY FULL');
    await leave(wizard);
  });

  it('goes on to the plan when nobody updates what is left', async () => {
    const quiet = openWizard({ prefill, checks, identities: IDENTITIES.slice(1) });
    await quiet.shows('18 ms away');
    quiet.press('enter');
    await quiet.shows(/0 failed/);
    quiet.press('enter');
    await quiet.shows('1 table; Enter goes on, what is not decided gets inserts only');
    quiet.press('enter');
    await quiet.shows('none of 3 tables chosen');
    quiet.press('enter');
    await quiet.shows('296MiB');
    await leave(quiet);
  });

  it('does not call rows that were never counted none', async () => {
    const [row] = IDENTITIES;
    if (!row) throw new Error('no table');
    for (const [one, told] of [
      [{ ...row, rows: 0 }, 'public.sessions: no rows counted; changes'],
      [{ ...row, rows: 0, bytes: 0 }, 'public.sessions: 0 rows; changes'],
    ] as const) {
      const wizard = openWizard({ prefill, checks, identities: [one] });
      await wizard.shows('18 ms away');
      wizard.press('enter');
      await wizard.shows(/0 failed/);
      wizard.press('enter');
      await wizard.shows(told);
      await leave(wizard);
    }
  });

  it('shows a whole list, line by line', async () => {
    const wizard = await toIdentities({ columns: 60, rows: 18 });
    for (let at = 0; at < 30; at += 1) wizard.press({ type: 'j' });
    await wizard.shows(/▸ . +public\.new/);
    await wizard.shows('public.new (25 of 25)');
    await leave(wizard);
  });
});
