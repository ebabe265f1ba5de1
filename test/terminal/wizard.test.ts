import { describe, expect, it } from 'vitest';
import { runWizard } from '../../src/app.tsx';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import { MOMENT, type OpenedWizard, openWizard } from './open-wizard.ts';
import { copySteps, cutoverSteps, replaySteps } from './scripted-migration.ts';
import { CHECKS, SOURCE_URI, TARGET_URI } from './shop.ts';
import { VirtualKeyboard, VirtualTerminal } from './virtual-terminal.ts';

const prefill = { source: SOURCE_URI, target: TARGET_URI };
const passing = CHECKS.map((result) => ({ ...result, status: 'pass' as const, apply: null }));

/** From the connection form to the dashboard. */
async function start(wizard: OpenedWizard): Promise<void> {
  await wizard.shows(/tables · 18 ms|18 ms away/);
  wizard.press('enter');
  await wizard.shows(/\d+ passed, 0 warnings, 0 failed/);
  wizard.press('enter');
  await wizard.shows('Replica identity');
  await wizard.shows('public.sessions');
  wizard.press({ type: 'A' });
  await wizard.shows('Run this on the source?');
  wizard.press({ type: 'y' });
  await wizard.shows('done: public.sessions');
  wizard.press('enter');
  await wizard.shows('none of 3 tables chosen');
  wizard.press('enter');
  await wizard.shows('14 tables, 296MiB');
  wizard.press('enter');
  await wizard.shows('Start the migration?');
  wizard.press({ type: 'y' });
  await wizard.shows('safe to close');
}

const say = (
  wizard: OpenedWizard,
  steps: Iterable<readonly Parameters<OpenedWizard['services']['engine']['say']>[0][]>,
): void => {
  let time = MOMENT;
  for (const step of steps) {
    time += 500;
    for (const payload of step) wizard.services.engine.say(payload, time);
  }
  wizard.at(time);
};
function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
}

describe('the wizard', () => {
  it('goes from the connection to the end', async () => {
    const wizard = openWizard({ prefill, checks: passing });
    const { engine } = wizard.services;
    await start(wizard);
    expect(wizard.services.calls.at(-1)).toBe(`start ${SOURCE_URI} ${TARGET_URI}`);
    say(wizard, copySteps());
    await wizard.shows('14 of 14 tables');
    say(wizard, take(replaySteps(), 60));
    await wizard.shows('Target has caught up with source (source_wal_rate:');
    wizard.press({ type: 'c' });
    await wizard.shows('type tsdb');
    engine.onCutover = () => say(wizard, cutoverSteps());
    wizard.press({ type: 'tsd' }, 'enter');
    await wizard.shows("locked: type the target database's name, tsdb");
    expect(engine.cutovers).toEqual([]);
    wizard.press({ type: 'b' });
    await wizard.shows('confirmed');
    wizard.press('enter');
    await wizard.shows('Migration successfully completed');
    expect(engine.cutovers).toEqual([{ confirm: 'tsdb', freezeSource: false, override: null }]);
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(0);
    expect(await wizard.shows('Migration successfully completed. Downtime: 3.2 s.')).not.toContain('Replay');
    expect(wizard.terminal.alternate).toBe(false);
    expect(wizard.keyboard.raw).toBe(false);
  });

  it('hides passwords on the screen at every moment', async () => {
    const wizard = openWizard();
    await wizard.shows('the database to move');
    wizard.press({ type: '\u001b[200~postgres://app:s3cret@db/shop\r\n\u001b[201~' });
    await wizard.shows('postgres://app:••••••@db/shop');
    await wizard.shows('db.shop.example:5432/shop as app');
    wizard.press('tab', 'tab', 'tab', { type: 't0psecret' });
    await wizard.shows('•••••••••');
    wizard.press('ctrlC');
    expect(await wizard.ended).toBe(130);
    expect(wizard.terminal.writes.join('')).not.toMatch(/s3cr|t0ps/);
    await wizard.shows('Nothing was started.');
  });

  it('says what is wrong with a connection, and keeps the way locked', async () => {
    const wizard = openWizard({ prefill: { source: SOURCE_URI.replace('s3cret', 'wrong'), target: TARGET_URI } });
    await wizard.shows('TM1104 source: password authentication failed');
    await wizard.shows('it is case-sensitive');
    wizard.press('enter');
    await wizard.shows('locked: the source cannot be used');
    wizard.press('ctrlC');
    await wizard.ended;
  });

  it('leaves the engine running, and says how to come back', async () => {
    const wizard = openWizard({ prefill, checks: passing });
    await start(wizard);
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(0);
    expect(wizard.services.engine).toMatchObject({ detached: 1, stopped: false });
    await wizard.shows('The engine goes on without this screen');
    await wizard.shows('Come back with: tiger-migrate-tui');
  });

  it('stops the engine only when the word is typed', async () => {
    const wizard = openWizard({ prefill, checks: passing });
    await start(wizard);
    wizard.press({ type: 'X' });
    await wizard.shows('it keeps its WAL');
    wizard.press('enter');
    await wizard.shows('locked: type stop');
    expect(wizard.services.engine.stopped).toBe(false);
    wizard.press({ type: 'stop' }, 'enter');
    expect(await wizard.ended).toBe(130);
    expect(wizard.services.engine.stopped).toBe(true);
    await wizard.shows('The engine is stopped; the migration can be resumed.');
  });

  it('copies a damaged table again with a key, after a yes', async () => {
    const wizard = openWizard({ prefill, checks: passing });
    await start(wizard);
    say(wizard, copySteps());
    say(wizard, take(replaySteps(), 60));
    const damage = { code: 'TM5001', reason: 'hit 0 rows', row: 'id=7', lsn: '5A/1' } as const;
    const table = { type: 'table', relation: 'public.orders', bytes: 1, rows: 1, done: 1 } as const;
    say(wizard, [[{ ...table, state: 'damaged', damage }]]);
    await wizard.shows('1 damaged');
    wizard.press({ type: 's' });
    expect(await wizard.shows('Copy the damaged table again?')).toContain('public.orders');
    wizard.press({ type: 'n' });
    await wizard.terminal.until((text) => !text.includes('Copy the damaged table again?'));
    wizard.press({ type: 's' });
    await wizard.shows('Copy the damaged table again?');
    expect(wizard.services.engine.resyncs).toBe(0);
    wizard.press({ type: 'y' });
    await wizard.shows('copying the damaged tables again');
    expect(wizard.services.engine.resyncs).toBe(1);
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(0);
  });

  it('only looks with --watch', async () => {
    const wizard = openWizard({ wizard: { watch: true } });
    await wizard.shows('watching');
    say(wizard, take(replaySteps(), 60));
    await wizard.shows('caught up');
    wizard.press({ type: 'X' });
    wizard.press({ type: 'c' });
    const text = await wizard.shows('locked: this screen is attached to look only');
    expect(text).not.toContain('Stop the engine');
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(0);
  });

  it('tells a failure by code, side, object and remedy', async () => {
    const wizard = openWizard({ wizard: { watch: true } });
    await wizard.shows('watching');
    const error = {
      code: 'TM4002',
      message: 'slot invalidated',
      side: 'source',
      object: 'slot s',
      hint: 'Start over.',
    } as const;
    say(wizard, [
      [
        { type: 'error', error },
        { type: 'phase', phase: 'failed' },
      ],
    ]);
    const text = await wizard.shows('TM4002 replication slot lost');
    for (const part of ['slot invalidated', 'source', 'slot s', 'Start over.']) expect(text).toContain(part);
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(1);
  });

  it('shows an engine that could not be started', async () => {
    const start = new MigrateError('TM1303', { message: 'in use', side: 'target', hint: 'Stop the other.' });
    const wizard = openWizard({ wizard: { watch: true }, fail: { attach: start } });
    await wizard.shows('TM1303');
    wizard.press({ type: 'q' });
    expect(await wizard.ended).toBe(1);
  });

  it('refuses to open without a terminal', async () => {
    const stdin = Object.assign(new VirtualKeyboard(), { isTTY: false });
    const opened = openWizard({ wizard: { stdin: stdin as unknown as NodeJS.ReadStream } });
    await expect(opened.ended).rejects.toMatchObject({ code: 'TM1001' });
    expect(opened.terminal.writes).toEqual([]);
    expect(runWizard).toBeTypeOf('function');
    expect(new VirtualTerminal().writes).toEqual([]);
  });
});

describe('the size of the terminal', () => {
  it('is followed, without a trace of the old frame', async () => {
    const wizard = openWizard({ prefill });
    await wizard.shows('18 ms away');
    wizard.terminal.resize(60, 18);
    await wizard.shows('step 1 of 8: Connect');
    wizard.terminal.resize(100, 30);
    const text = await wizard.shows('✓ db.shop.example');
    await wizard.shows('▸ Connect · Checks · Identity · Plan · Copy · Replay · Cut over · Done');
    expect(text.split('\n').filter((line) => line.includes('Tiger Cloud migration'))).toHaveLength(1);
    expect(wizard.terminal.xterm.buffer.active.baseY).toBe(0);
    wizard.press('ctrlC');
    await wizard.ended;
  });
});
