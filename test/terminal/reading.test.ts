import { describe, expect, it } from 'vitest';
import { initialModel, type Model } from '../../src/state/model.ts';
import { type Looked, look, pressed } from './draw.tsx';
import { EVERY_SCREEN } from './every-screen.ts';
import { ERROR, event, insert, passed, reach } from './model-play.ts';
import { openWizard } from './open-wizard.ts';
import { CHECKS, IDENTITIES, PLAN, SOURCE_URI, TARGET_URI } from './shop.ts';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 18 },
  { columns: 40, rows: 12 },
] as const;
type Size = { columns: number; rows: number };
const PLAIN = { LANG: 'C.UTF-8', NO_COLOR: '1' };

const screen = (name: string): Model => {
  const model = EVERY_SCREEN[name];
  if (!model) throw new Error(`no ${name}`);
  return model;
};

/** Thirty tables that are updated and have no identity. */
const THIRTY = Array.from({ length: 30 }, (_, at) => {
  const [row] = IDENTITIES;
  if (!row) throw new Error('no row');
  const relation = `public.sessions_${at + 1}`;
  const choices = row.choices.map((choice) => ({
    ...choice,
    relation,
    sql: choice.sql.map((sql) => sql.replaceAll('"sessions"', `"sessions_${at + 1}"`)),
  }));
  return { ...row, relation, name: `sessions_${at + 1}`, choices };
});
const thirty = reach(passed(), { type: 'next' }, { type: 'identities', rows: THIRTY });
/** The same with names that make one paragraph longer than any of the screens. */
const LONG_NAMES = THIRTY.map((row, at) => {
  const relation = `archive.sessions_of_customers_that_have_left_in_the_year_${1990 + at}`;
  return { ...row, relation, choices: row.choices.map((choice) => ({ ...choice, relation })) };
});
const promise = reach(
  reach(passed(), { type: 'next' }, { type: 'identities', rows: LONG_NAMES }),
  ...LONG_NAMES.flatMap(({ choices }, at) => {
    const by = choices.findIndex(({ kind }) => kind === 'insert-only');
    return [{ type: 'move', by: at === 0 ? 0 : 1 } as const, { type: 'choose', by } as const];
  }),
);
const longFix = {
  ...CHECKS[1],
  apply: {
    side: 'source' as const,
    sql: Array.from({ length: 40 }, (_, at) => `ALTER TABLE "public"."t_${at + 1}" REPLICA IDENTITY FULL`),
    restart: true,
  },
};
const damaged = reach(
  screen('dashboard, caught up'),
  ...Array.from({ length: 25 }, (_, at) =>
    event({
      type: 'table',
      relation: `public.damaged_${at + 1}`,
      state: 'damaged',
      bytes: 1,
      rows: 1,
      done: 1,
      damage: { code: 'TM5001', reason: 'hit 0 rows', row: 'id=1', lsn: '0/1' },
    }),
  ),
);

/** Questions that are longer than any of the screens, with what must be read before a yes. */
const LONG: Readonly<Record<string, { model: Model; must: readonly string[] }>> = {
  'A for thirty tables': {
    model: reach(thirty, { type: 'apply-all' }),
    must: THIRTY.map(({ name }) => `"${name}"`),
  },
  'a promise for thirty tables': {
    model: reach(promise, { type: 'apply-all' }),
    must: LONG_NAMES.map((_, at) => `left_in_the_year_${1990 + at}`),
  },
  'a fix of forty statements': {
    model: reach(
      screen('checks'),
      {
        type: 'checked',
        provider: 'selfhosted-postgres',
        run: 1,
        result: longFix as (typeof CHECKS)[number],
      },
      { type: 'apply' },
    ),
    must: [...longFix.apply.sql.map((sql) => sql.split(' ')[2] ?? ''), 'It takes effect after a restart'],
  },
  'twenty-five damaged tables': {
    model: reach(damaged, { type: 'ask-resync' }),
    must: Array.from({ length: 25 }, (_, at) => `public.damaged_${at + 1}`),
  },
};

const collapsed = (text: string): string => text.replace(/[│\s]+/g, ' ');
/** Those that are not in what was seen, wherever a line was broken. */
const unseen = (must: readonly string[], seen: string): string[] =>
  must.filter((part) => !seen.replaceAll(' ', '').includes(part.replaceAll(' ', '')));

/** Presses a key until the screen does not change any more; gives all that was in sight. */
async function readAll(first: Looked, key: string, size: Size): Promise<{ last: Looked; seen: string }> {
  let last = first;
  let seen = collapsed(first.text);
  for (let at = 0; at < 400; at += 1) {
    const next = await pressed(last, key, size, PLAIN);
    if (next.text === last.text) return { last: next, seen };
    last = next;
    seen += collapsed(next.text);
  }
  throw new Error(`${key} never comes to an end:\n${last.text}`);
}

describe.each(SIZES)('at $columns by $rows a question', (size) => {
  it.each(Object.entries(LONG))('of %s is answered only when all of it was shown', async (_name, { model, must }) => {
    let now = await look(model, size, PLAIN);
    let seen = collapsed(now.text);
    let presses = 0;
    while (now.model.overlay !== null && presses < 200) {
      const missing = unseen(must, seen);
      now = await pressed(now, 'y', size, PLAIN);
      presses += 1;
      if (now.model.overlay === null) expect(missing, `a yes counted after ${presses} keys`).toEqual([]);
      seen += collapsed(now.text);
    }
    expect(now.model.overlay).toBeNull();
    expect(presses).toBeGreaterThan(1);
  });

  it.each(Object.entries(LONG))('of %s scrolls by every key, and says where one is', async (_name, { model, must }) => {
    const first = await look(model, size, PLAIN);
    expect(first.text).toMatch(/1-\d+ of \d+/);
    expect((await pressed(first, 'down', size, PLAIN)).text).toMatch(/ 2-\d+ of \d+/);
    const paged = await readAll(first, 'pagedown', size);
    expect(unseen(must, paged.seen)).toEqual([]);
    const end = await pressed(first, 'end', size, PLAIN);
    expect(end.text).toMatch(/(\d+)-(\d+) of \2/);
    expect((await pressed(end, 'up', size, PLAIN)).text).not.toMatch(/-(\d+) of \1/);
    expect((await pressed(end, 'home', size, PLAIN)).text).toMatch(/ 1-\d+ of \d+/);
    expect((await readAll(end, 'pageup', size)).last.text).toMatch(/ 1-\d+ of \d+/);
  });

  it('whose end was jumped to is not read', async () => {
    const asked = await look(LONG['A for thirty tables']?.model ?? thirty, size, PLAIN);
    const end = await pressed(asked, 'end', size, PLAIN);
    expect((await pressed(end, 'y', size, PLAIN)).model.overlay).not.toBeNull();
  });

  it.each([
    'checks, a question',
    'identity, a question',
    'plan, the start',
    'dashboard, copy it again',
  ])('%s shows all of its text before y counts', async (name) => {
    const model = screen(name);
    if (model.overlay?.kind !== 'question') throw new Error('no question');
    const words = collapsed(model.overlay.lines.join(' '))
      .split(' ')
      .filter((word) => word.length > 3);
    let now = await look(model, size, PLAIN);
    let seen = collapsed(now.text);
    while (!now.model.reading.isRead) {
      expect(now.text).toMatch(/PgDn shows the rest/);
      now = await pressed(now, 'y', size, PLAIN);
      expect(now.model.overlay).not.toBeNull();
      seen += collapsed(now.text);
    }
    expect(words.filter((word) => !seen.replaceAll(' ', '').includes(word))).toEqual([]);
    expect((await pressed(now, 'y', size, PLAIN)).model.overlay).toBeNull();
  });

  it('to stop the engine tells all that it costs before Enter counts', async () => {
    let now = await look(reach(screen('overlay, stop'), insert('p')), size, PLAIN);
    let seen = collapsed(now.text);
    for (let at = 0; at < 20 && !now.model.engine.stopped; at += 1) {
      const missing = ['its disk fills up', 'begins anew', 'resumed with the same command'].filter(
        (part) => !seen.replaceAll(' ', '').includes(part.replaceAll(' ', '')),
      );
      now = await pressed(now, 'enter', size, PLAIN);
      if (now.model.engine.stopped) expect(missing).toEqual([]);
      seen += collapsed(now.text);
    }
    expect(now.model.engine.stopped).toBe(true);
  });
});

describe.each(SIZES)('at $columns by $rows', (size) => {
  it('the cut-over begins only when conditions and steps have been in sight', async () => {
    let now = await look(screen('cut-over, confirmed'), size, PLAIN);
    let seen = collapsed(now.text);
    const must = [
      'no other write transaction',
      'nothing has failed',
      'fence: no writes',
      'sequences: set',
      'report: write',
    ];
    let presses = 0;
    while (!now.model.cutover.busy && presses < 20) {
      const missing = unseen(must, seen);
      now = await pressed(now, 'enter', size, PLAIN);
      presses += 1;
      if (now.model.cutover.busy) expect(missing).toEqual([]);
      seen += collapsed(now.text);
    }
    expect(now.model.cutover.busy).toBe(true);
  });

  it('an error at the cut-over is in sight, and the form too', async () => {
    const model = reach(screen('cut-over, confirmed'), { type: 'cutover-asked', error: ERROR });
    const { text } = await look(model, size, PLAIN);
    expect(text).toContain('TM1104');
    expect(text).toContain('target database');
  });

  it.each([
    ['failed', 'pagedown'],
    ['done', 'pagedown'],
    ['resume', 'pagedown'],
    ['connect, refused', 'pagedown'],
  ])('%s shows all of its text', async (name, key) => {
    const model = screen(name);
    const first = await look(model, size, PLAIN);
    const { seen } = await readAll(first, key, size);
    const wide = await look(model, { columns: 160, rows: 60 }, PLAIN);
    // The frame, and the heading, which gives way.
    const rules = /^[─ ]*$|^ ?(Tiger|db\.|[✓▸·] Connect|Connect {2}|Resume {2})|help|password|^ ▲ locked/;
    for (const line of wide.text.split('\n').filter((one) => one.trim() !== '' && !rules.test(one))) {
      for (const word of line
        .split(/\s+/)
        .filter((one) => /^[a-z]{6,}$/.test(one))
        .slice(0, 3)) {
        expect(seen.replaceAll(' ', ''), `${word} of ${line}`).toContain(word);
      }
    }
  });

  it.each([
    ['overlay, help', false],
    ['overlay, log', true],
    ['checks, in full', false],
    ['overlay, tables', false],
    ['overlay, chunks', false],
  ] as const)('%s says where one is, whatever stands in its title', async (name, isFromEnd) => {
    const first = await look(screen(name), size, PLAIN);
    const { last } = await readAll(first, 'pagedown', size);
    if (last.text !== first.text) {
      const [begin, end] = [/ 1-\d+ of \d+/, / \d+-(\d+) of \1/];
      expect(first.text).toMatch(isFromEnd ? end : begin);
      expect(last.text).toMatch(isFromEnd ? begin : end);
    }
  });

  it('why the checks could not run is read in full', async () => {
    const model = reach(
      screen('checks'),
      { type: 'rerun' },
      {
        type: 'checks-ended',
        provider: 'selfhosted-postgres',
        run: 2,
        error: { ...ERROR, message: 'the server closed the connection; '.repeat(8), hint: 'END-OF-THE-HINT' },
      },
      { type: 'read', reader: 'check' },
    );
    const { seen } = await readAll(await look(model, size, PLAIN), 'pagedown', size);
    expect(seen).toContain('END-OF-THE-HINT');
  });

  it.each([
    'identity',
    'hypertables',
  ])('why work on the source failed is read in full, on the screen %s', async (name) => {
    const model = screen(name);
    const error = { ...ERROR, message: 'the server said no; '.repeat(12), hint: 'END-OF-THE-HINT' };
    const failed = reach({ ...model, work: { ...model.work, error } }, { type: 'read', reader: 'check' });
    const { seen } = await readAll(await look(failed, size, PLAIN), 'pagedown', size);
    expect(seen).toContain('END-OF-THE-HINT');
  });

  it('a page of a reader leaves no line out', async () => {
    const log = Array.from({ length: 60 }, (_, at) => event({ type: 'log', text: `line-${at + 1}-of-the-log` }));
    const model = reach(screen('dashboard, replay'), ...log, { type: 'read', reader: 'log' });
    const { seen } = await readAll(await look(model, size, PLAIN), 'pagedown', size);
    expect(log.map((_, at) => `line-${at + 1}-of-the-log`).filter((line) => !seen.includes(line))).toEqual([]);
  });

  it('what is left of a list is told where only its beginning is in sight', async () => {
    const { text } = await look(screen('dashboard, copy'), size, PLAIN);
    const names = text
      .split('\n')
      .filter((line) => /(MiB|KiB) .*(left|pending|in \d)/.test(line) && / public\.| audit\./.test(line)).length;
    if (size.rows === 24) expect(text).toContain(`and ${PLAN.tables.length - names} more (t shows all)`);
  });
});

describe('keys that are typed', () => {
  const prefill = { source: SOURCE_URI, target: TARGET_URI };

  it('while a migration is looked for are kept', async () => {
    const wizard = openWizard({ latencyMs: 300 });
    await wizard.shows('looking for a migration');
    wizard.press({ type: 'postgres://app:pq@h/quite?x=1' }, 'tab', 'tab', { type: 'postgres://t@h2/db' });
    const text = await wizard.shows('postgres://t@h2/db');
    expect(text).toContain('postgres://app:••@h/quite?x=1');
    wizard.press('ctrlC');
    await wizard.ended;
  });

  it('while a migration is looked for end it by Ctrl-C', async () => {
    const wizard = openWizard({ latencyMs: 60_000 });
    await wizard.shows('looking for a migration');
    wizard.press({ type: 'q' }, 'ctrlC');
    expect(await wizard.ended).toBe(130);
  });

  it('ahead of a question never answer it unseen', async () => {
    const checks = CHECKS.map((result) => ({ ...result, status: 'pass' as const, apply: null }));
    const wizard = openWizard({ prefill, checks, identities: THIRTY, columns: 40, rows: 12 });
    await wizard.shows('✓ db.shop');
    await wizard.shows('✓ x1.y2');
    wizard.press('enter');
    await wizard.shows('11 passed');
    wizard.press('enter');
    await wizard.shows('of 30 tables');
    wizard.press({ type: 'Ayyy' });
    await wizard.shows('Run this on the source?');
    expect(wizard.services.calls.filter((call) => call.startsWith('applyIdentity'))).toEqual([]);
    wizard.press('ctrlC');
    await wizard.ended;
  });
});

it('a text that another one follows is read anew', () => {
  const read = reach(initialModel({ now: 0 }), { type: 'drawn', start: 0, end: 5, length: 5, width: 80 });
  expect(read.reading.isRead).toBe(true);
  const asked = reach({ ...screen('checks'), reading: read.reading }, { type: 'apply' });
  expect(asked.reading).toMatchObject({ isRead: false, scroll: 0, seen: 0 });
});
