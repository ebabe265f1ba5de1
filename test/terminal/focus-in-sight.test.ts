import { describe, expect, it } from 'vitest';
import { checkEntries, selectedEntry } from '../../src/state/check-entries.ts';
import { cutoverFocus } from '../../src/state/focus.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { PLAN_OPTIONS } from '../../src/state/plan-options.ts';
import { hypertableRows, selectedHypertable } from '../../src/state/steps/hypertables.ts';
import { chosenFor, identityRows, selectedRow } from '../../src/state/steps/identity.ts';
import { draw } from './draw.tsx';
import { EVERY_SCREEN } from './every-screen.ts';
import { ERROR, reach } from './model-play.ts';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 18 },
  { columns: 40, rows: 12 },
] as const;

const LONG_ERROR = {
  ...ERROR,
  message: `${'the server closed the connection unexpectedly while it was asked; '.repeat(4)}END-OF-MESSAGE`,
  hint: `${'Look at the log of the server, and whether a firewall stands in between. '.repeat(3)}END-OF-HINT`,
};

/** What the focused line begins with behind its sign, as far as it is never cut; null: nothing has the focus. */
function focused(model: Model): string | null {
  if (model.overlay) return model.overlay.kind === 'stop' ? 'to confirm' : null;
  switch (model.screen) {
    case 'connect': {
      const [side, part] = model.connect.focus.split('.');
      return part === 'password' ? 'password' : side === 'source' ? 'Source' : 'Target';
    }
    case 'resume':
      return `${model.resume.focus} password`;
    case 'checks': {
      const entry = selectedEntry(model.checks[model.provider]);
      if (!entry) return null;
      return (entry.kind === 'check' ? entry.result.title : entry.step.title).slice(0, 10);
    }
    case 'identity':
      return model.identity.editing ? 'columns' : (selectedRow(model)?.relation.slice(0, 6) ?? null);
    case 'hypertables':
      return model.hypertables.editing ? 'table' : (selectedHypertable(model)?.relation.slice(0, 6) ?? null);
    case 'plan':
      return PLAN_OPTIONS[model.plan.selected]?.label ?? null;
    case 'cutover': {
      const { progress } = model.engine;
      if (!progress || progress.phase === 'cutover') return null;
      const labels = { confirm: 'target database', freeze: 'freeze the source', override: 'override, because' };
      return labels[cutoverFocus(model)];
    }
    default:
      return null;
  }
}

/** Every place that the focus can have on the screen of a model. */
function everyFocus(model: Model): Model[] {
  if (model.overlay) return [model];
  const by = (type: 'focus' | 'move', count: number) =>
    Array.from({ length: count }, (_, at) => reach(model, ...Array<Message>(at).fill({ type, by: 1 })));
  switch (model.screen) {
    case 'connect':
      return by('focus', 4);
    case 'resume':
      return by('focus', 2);
    case 'cutover':
      return by('focus', 3);
    case 'plan':
      return model.plan.editing ? [model] : by('move', PLAN_OPTIONS.length);
    case 'checks':
      return by('move', Math.max(1, checkEntries(model.checks[model.provider]).length));
    case 'identity':
      return by('move', model.identity.editing ? 1 : Math.max(1, identityRows(model).length));
    case 'hypertables':
      return by('move', model.hypertables.editing ? 1 : Math.max(1, hypertableRows(model).length));
    default:
      return [model];
  }
}

/** The screens with what makes them long. */
const LONG: Readonly<Record<string, Model>> = {
  'connect, both refused': reach(
    EVERY_SCREEN['connect, found'] ?? initialModel({ now: 0 }),
    { type: 'probe-failed', side: 'source', edition: 1, error: LONG_ERROR },
    { type: 'probe-failed', side: 'target', edition: 1, error: LONG_ERROR },
  ),
  'resume, refused': withResumeError(),
  'checks, broken off': reach(
    EVERY_SCREEN['checks, a platform without a tab'] ?? initialModel({ now: 0 }),
    { type: 'rerun' },
    { type: 'checks-ended', provider: 'selfhosted-postgres', run: 2, error: LONG_ERROR },
  ),
  'cut-over, refused': reach(EVERY_SCREEN['cut-over, conditions open'] ?? initialModel({ now: 0 }), {
    type: 'cutover-asked',
    error: LONG_ERROR,
  }),
};

function withResumeError(): Model {
  const model = EVERY_SCREEN.resume ?? initialModel({ now: 0 });
  return { ...model, resume: { ...model.resume, error: LONG_ERROR } };
}

const screens = Object.entries({ ...EVERY_SCREEN, ...LONG }).filter(([, model]) => focused(model) !== null);

describe.each(SIZES)('at $columns by $rows', (size) => {
  it.each(screens)('%s has what is focused in sight, without colours too', async (_name, model) => {
    for (const one of everyFocus(model)) {
      const label = focused(one);
      if (label === null) continue;
      const terminal = await draw(one, size, { LANG: 'C.UTF-8', NO_COLOR: '1' });
      const line = terminal.lines().find((text) => /^ ?│? *▸ /.test(text) && text.includes(label));
      expect(line, `${label} in\n${terminal.text()}`).toBeDefined();
    }
  });

  it('of a table without identity the choice that a would take is in sight', async () => {
    for (const name of ['identity', 'identity, many', 'identity, a new index']) {
      const model = EVERY_SCREEN[name];
      const row = model && selectedRow(model);
      if (!model || !row) throw new Error(`no ${name}`);
      for (let at = 0; at < row.choices.length; at += 1) {
        const one = reach(model, ...Array<Message>(at).fill({ type: 'choose', by: 1 }));
        const choice = chosenFor(one.identity, row);
        const terminal = await draw(one, size, { LANG: 'C.UTF-8', NO_COLOR: '1' });
        expect(terminal.text()).toContain(`(x) ${choice?.label.slice(0, 20)}`);
      }
    }
  });
});
