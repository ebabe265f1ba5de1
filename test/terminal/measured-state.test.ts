import { describe, expect, it } from 'vitest';
import type { EventPayload } from '../../src/engine/events.ts';
import { nextSteps } from '../../src/engine/next-steps.ts';
import { cutoverStartLock } from '../../src/state/gates.ts';
import { copyRate } from '../../src/state/rates.ts';
import { update } from '../../src/state/update.ts';
import { attached, event, reach } from './model-play.ts';

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
