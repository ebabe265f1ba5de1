import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import { type OpenedWizard, openWizard } from './open-wizard.ts';
import { SOURCE_URI, TARGET_URI } from './shop.ts';

const prefill = { source: SOURCE_URI, target: TARGET_URI };

async function leave(wizard: OpenedWizard): Promise<void> {
  wizard.press('ctrlC');
  await wizard.ended;
}
async function toChecks(wizard: OpenedWizard): Promise<void> {
  await wizard.shows('18 ms away');
  wizard.press('enter');
  await wizard.shows('1 failed');
}
const calls = (wizard: OpenedWizard, name: string): string[] =>
  wizard.services.calls.filter((call) => call.startsWith(name));

describe('the tabs', () => {
  it('take a failing check from its fix over the restart to green', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    await wizard.shows('a restart of the source is noticed');
    wizard.press({ type: 'a' });
    await wizard.shows('It takes effect after a restart of the source server.');
    wizard.press({ type: 'n' });
    await wizard.shows('press a to run it from here');
    expect(calls(wizard, 'applyFix')).toEqual([]);
    wizard.press({ type: 'a' });
    await wizard.shows('Run this on the source?');
    wizard.press({ type: 'y' });
    await wizard.shows('restart of the source needed: waiting for it, checks run again by themselves');
    await wizard.shows('replica; logical after a restart');
    wizard.services.restart();
    await wizard.shows('10 passed, 1 warning, 0 failed');
    const text = await wizard.shows('the source was restarted: checked again');
    expect(text).toMatch(/▸ ✓ +wal_level/);
    expect(text).not.toContain('restart of the source needed');
    await leave(wizard);
  });

  it('stop waiting for a restart when another tab is shown', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    wizard.press('right');
    await wizard.shows('RDS/Aurora] ✗1');
    await wizard.shows('a restart of the source is noticed');
    expect(calls(wizard, 'awaitRestart')).toHaveLength(2);
    expect(wizard.services.waiting).toBe(1);
    wizard.press('esc');
    await wizard.shows('both are only looked at');
    expect(wizard.services.waiting).toBe(0);
    await leave(wizard);
  });

  it('remember what was ticked by hand, and count what is open', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    await wizard.shows('✗1 ☐1');
    wizard.press('down', 'down', 'down');
    await wizard.shows('Tell everybody who may release');
    wizard.press({ type: ' ' });
    await wizard.shows(/\[x\] +Nobody changes/);
    await wizard.shows('ticked 2026-01-02 03:04:05 UTC; Space takes it away');
    expect(await wizard.shows('1 failed')).not.toContain('☐');
    wizard.press({ type: ' ' });
    await wizard.shows(/\[ \] +Nobody changes/);
    expect(calls(wizard, 'tick')).toEqual(['tick no-ddl true', 'tick no-ddl false']);
    await leave(wizard);
  });

  it('say in words that the server looks like another kind, and show its own tab first', async () => {
    const wizard = openWizard({
      prefill,
      sourceReport: { provider: 'rds', providerEvidence: 'roles rds_superuser' },
    });
    await toChecks(wizard);
    expect(await wizard.shows('(detected)')).toContain('[RDS/Aurora]');
    wizard.press('left');
    await wizard.shows('[PostgreSQL] ✗1');
    const text = (await wizard.shows('this server looks like')).replace(/\s+/g, ' ');
    expect(text).toContain('looks like Amazon RDS or Aurora (roles rds_superuser): use the RDS/Aurora tab');
    await leave(wizard);
  });

  it('keep the kind that was named on the command line, and warn', async () => {
    const wizard = openWizard({
      prefill: { source: '', target: '' },
      wizard: { prefill: { ...prefill, provider: 'mst' } },
    });
    await toChecks(wizard);
    expect(await wizard.shows('[MST]')).toContain('this server looks like a self-hosted PostgreSQL');
    await leave(wizard);
  });

  it('explain a platform that has no tab of its own', async () => {
    const providerNote = 'Supabase: use the direct connection; its pooler cannot replicate.';
    const wizard = openWizard({ prefill, sourceReport: { providerNote } });
    await toChecks(wizard);
    await wizard.shows(`▲ ${providerNote}`);
    await leave(wizard);
  });

  it('show long commands in full, over as many lines as they need', async () => {
    const wizard = openWizard({ prefill, rows: 20 });
    await toChecks(wizard);
    wizard.press('right');
    await wizard.shows('RDS/Aurora] ✗1');
    wizard.press('down', 'down');
    await wizard.shows('A parameter group of its own');
    wizard.press({ type: 'v' });
    expect(await wizard.shows('"for the migration to Tiger Cloud"')).not.toContain('reboot-db-instance');
    wizard.press(...Array.from({ length: 7 }, () => 'down' as const));
    await wizard.shows('aws rds reboot-db-instance --db-instance-identifier shop');
    await leave(wizard);
  });

  it('scroll no further than to the end, and back with the first key', async () => {
    const wizard = openWizard({ prefill, rows: 20 });
    await toChecks(wizard);
    wizard.press('ctrlG');
    const last = / (\d+)-(\d+) of \2 /;
    for (let at = 0; at < 40; at += 1) wizard.press('pageDown');
    const [, end = ''] = last.exec(await wizard.shows(last)) ?? [];
    wizard.press('up');
    await wizard.shows(`Keys  ${Number(end) - 1}-`);
    wizard.press('home');
    await wizard.shows('Keys  1-');
    wizard.press('end');
    await wizard.shows(`Keys  ${end}-`);
    await leave(wizard);
  });

  it('say which rows are in sight when there is no room for all', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    const first = await wizard.shows(/ 1-\d+ of \d+/);
    const [, all = ''] = / 1-\d+ of (\d+)/.exec(first) ?? [];
    wizard.press('end');
    await wizard.shows(new RegExp(` \\d+-${all} of ${all}`));
    wizard.terminal.resize(140, 50);
    await wizard.settled();
    expect(wizard.terminal.text()).not.toContain(` of ${all}`);
    await leave(wizard);
  });

  it('take the keys that a check or a step names where it is read in full, too', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    wizard.press({ type: 'v' });
    await wizard.shows('press a to run it from here');
    wizard.press({ type: 'a' });
    await wizard.shows('Run this on the source?');
    wizard.press({ type: 'n' });
    await wizard.shows('1 failed');
    wizard.press('down', 'down', 'down', { type: 'v' });
    await wizard.shows('press Space when it is done');
    wizard.press({ type: ' ' });
    await wizard.shows('Space takes it away');
    expect(calls(wizard, 'applyFix')).toEqual([]);
    expect(calls(wizard, 'tick')).toEqual(['tick no-ddl true']);
    await leave(wizard);
  });

  it('save a report, and say where or why not', async () => {
    const refused = new MigrateError('TM1001', { message: "the report can't be written: it is a directory" });
    for (const [fail, told] of [
      [{}, 'written: /home/app/.tiger-migrate/check-report.md'],
      [{ saveReport: refused }, "the report can't be written: it is a directory"],
    ] as const) {
      const wizard = openWizard({ prefill, fail });
      await toChecks(wizard);
      wizard.press({ type: 's' });
      await wizard.shows(told);
      await leave(wizard);
    }
  });

  it('say what keeps the steps from being read or ticked', async () => {
    const tick = new MigrateError('TM1302', { message: "what was ticked can't be kept: EACCES" });
    const wizard = openWizard({ prefill, fail: { tick } });
    await toChecks(wizard);
    wizard.press('down', 'down', 'down', { type: ' ' });
    await wizard.shows("✗ what was ticked can't be kept: EACCES");
    expect(await wizard.shows('Nobody changes')).toMatch(/\[ \] +Nobody changes/);
    await leave(wizard);
  });

  it('do nothing bad whatever is pressed', async () => {
    const wizard = openWizard({ prefill });
    await toChecks(wizard);
    wizard.press({ type: 'xzAXctwedDn 1' }, 'esc', 'enter', { type: 'ArrrsS' }, 'up', 'down', { type: '\u001b[1;5P' });
    await wizard.shows('1 failed');
    const acts = wizard.services.calls.filter((call) => /^(applyFix|tick|start|applyIdentity)/.test(call));
    expect(acts).toEqual([]);
    await leave(wizard);
  });
});
