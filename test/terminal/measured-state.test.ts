import { describe, expect, it } from 'vitest';
import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import { nextSteps } from '../../src/engine/next-steps.ts';
import { GOING_ON } from '../../src/engine/troubles.ts';
import { copyPace } from '../../src/screens/dashboard/copy.tsx';
import { tableColumns } from '../../src/screens/dashboard/table-columns.tsx';
import { cutoverStartLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import type { Model } from '../../src/state/model.ts';
import { copyRate } from '../../src/state/rates.ts';
import { tableLines } from '../../src/state/table-order.ts';
import { update } from '../../src/state/update.ts';
import { attached, ERROR, event, reach } from './model-play.ts';

const plan: EventPayload = {
  type: 'plan',
  tables: [{ relation: 'public.t', bytes: 300 * 1024 ** 2, rows: 1, parts: 1 }],
  indexes_total: 0,
};
const told = (state: 'copied' | 'live', ms?: number): EventPayload => ({
  type: 'table',
  relation: 'public.t',
  state,
  bytes: 1,
  rows: 1,
  done: 1,
  ...(ms === undefined ? {} : { ms }),
});

describe('figures that the wizard shows', () => {
  it.each(['copied', 'live'] as const)('give no rate for tables that are only told of after a resume (%s)', (state) => {
    let model = reach(attached, event(plan));
    for (const second of [1, 2, 3]) {
      const time = `2026-01-02T03:04:0${second}.000Z`;
      model = update(model, { type: 'events', events: [{ ...told(state), time }] }).model;
    }
    expect(copyRate(model.engine.copied)).toBeNull();
  });

  it('are none of a copy that the engine does not go on with, and begin anew when it does', () => {
    const second = (n: number) => `2026-01-02T03:04:0${n}.000Z`;
    const copying = (n: number, done: number): Message => ({
      type: 'events',
      events: [{ ...told('copied'), state: 'copying', done, bytes: done * 1000, time: second(n) } as EngineEvent],
    });
    const moving = reach(
      attached,
      event({ type: 'phase', phase: 'copy' }),
      event(plan),
      copying(1, 0.1),
      copying(3, 0.5),
    );
    const words = (model: Model): string => {
      const { progress } = model.engine;
      const [line] = progress ? tableLines(progress) : [];
      if (!progress || !line) throw new Error('no table');
      const columns = tableColumns(80, { ...model, now: Date.parse(second(4)) });
      const cells = columns.flatMap(({ title, cell }) =>
        title === 'rate' || title === 'time' ? [cell(line, 10)] : [],
      );
      return [copyPace(model, progress), ...cells].join(' | ');
    };
    expect(words(moving)).toMatch(/left \| .*\/s \| .* left$/);
    const error = { code: 'TM1102', message: 'm', hint: 'h' } as const;
    const stopped: Message[][] = [
      [{ type: 'closed', error: ERROR }],
      [event({ type: 'retry', what: GOING_ON, policy: 'retry', error, retry_ms: 1000 })],
    ];
    for (const messages of stopped) expect(words(reach(moving, ...messages))).toBe('not measured now |  | interrupted');
    // Another engine begins the table anew: nothing of before counts.
    const { progress } = reach(moving, event(plan)).engine;
    if (!progress) throw new Error('no progress');
    expect(progress.tables['public.t']).toMatchObject({ state: 'pending', done: 0, since: null });
    const again = reach(moving, { type: 'closed', error: ERROR }, { type: 'attached', progress, readonly: false });
    expect(words(again)).toMatch(/^measuring the rate \|/);
  });

  it('do not tick the cut-over open while replay waits for the operator', () => {
    const gate = (id: string): EventPayload => ({ type: 'gate', id, title: id, ok: true, detail: '' });
    const ready = reach(
      attached,
      event({ type: 'phase', phase: 'replay' }),
      event(gate('caught-up')),
      event(gate('writers')),
      event({
        type: 'retry',
        what: 'the schema on the target',
        policy: 'operator',
        error: { code: 'TM2003', message: 'm', hint: 'h' },
        retry_ms: 1000,
      }),
      { type: 'open-cutover' },
      { type: 'edit', edit: { kind: 'insert', text: 'tsdb' } },
    );
    expect(cutoverStartLock(ready)).toMatch(/^freeze the source .*wait for: caught-up/);
  });
});

describe('what is to be done in the end', () => {
  it.each([
    true,
    false,
    null,
  ])('verify comes before the application writes to the target (read-only: %s)', (readOnly) => {
    const steps = nextSteps(readOnly, 'u or clean --unfreeze');
    const at = (pattern: RegExp) => steps.findIndex((step) => pattern.test(step));
    expect(at(/verify compares.*before the application/)).toBe(0);
    expect(at(/[Pp]oint the application/)).toBe(1);
    expect(steps.join(' ')).not.toMatch(/whenever you like/);
    const said = {
      true: /stays read-only, also after clean; u or clean --unfreeze makes it writable/,
      false: /takes writes/,
      null: /deleted/,
    };
    expect(steps.at(-1)).toMatch(said[`${readOnly}`]);
  });
});
