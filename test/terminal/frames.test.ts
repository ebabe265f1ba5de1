import { describe, expect, it, vi } from 'vitest';

// Ink asks for colours when it is loaded.
vi.hoisted(() => {
  process.env.FORCE_COLOR = '1';
});

import { draw } from './draw.tsx';
import { EVERY_SCREEN } from './every-screen.ts';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 18 },
  { columns: 100, rows: 30 },
] as const;
const screens = Object.entries(EVERY_SCREEN);

describe.each(SIZES)('at $columns by $rows', (size) => {
  it('every screen looks as it did', async () => {
    const parts: string[] = [];
    for (const [name, model] of screens) {
      const terminal = await draw(model, size);
      parts.push(`${`== ${name} `.padEnd(size.columns, '=')}\n${terminal.text()}\n`);
    }
    await expect(parts.join('\n')).toMatchFileSnapshot(`frames/${size.columns}x${size.rows}.txt`);
  });
});

describe.each([
  ...SIZES,
  { columns: 40, rows: 12 },
  { columns: 20, rows: 5 },
  { columns: 240, rows: 70 },
])('at $columns by $rows', (size) => {
  it.each(screens)('%s keeps to the screen', async (_name, model) => {
    const terminal = await draw(model, size);
    expect(terminal.xterm.buffer.active.baseY).toBe(0);
    expect(terminal.text()).not.toMatch(/undefined|NaN|\[object|s3cret|t0psecret/);
    expect(terminal.lines()[0]?.trim()).not.toBe('');
  });
});

// Select Graphic Rendition with a colour in it: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const COLOUR = /\u001b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m/;

it('nothing looks caught up once the engine is gone', async () => {
  const [there, gone] = [EVERY_SCREEN['dashboard, caught up'], EVERY_SCREEN['dashboard, engine gone']];
  if (!there || !gone) throw new Error('no such screen');
  expect((await draw(there, SIZES[0])).text()).toContain('caught up');
  expect((await draw(gone, SIZES[0])).text()).toMatch(/^(?!.*caught up).*nothing is known since then/s);
});

describe('the theme', () => {
  const size = { columns: 80, rows: 24 };

  it.each(screens)('%s has no colour under NO_COLOR, and says the same', async (_name, model) => {
    const coloured = await draw(model, size);
    const plain = await draw(model, size, { LANG: 'C.UTF-8', NO_COLOR: '1' });
    expect(coloured.writes.join('')).toMatch(COLOUR);
    expect(plain.writes.join('')).not.toMatch(COLOUR);
    expect(plain.text()).toBe(coloured.text());
  });

  it.each(screens)('%s keeps to ASCII where the locale has no more', async (_name, model) => {
    const terminal = await draw(model, size, { LANG: 'C' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: everything but ASCII is looked for
    expect(terminal.text().match(/[^\u0000-\u007f]+/g)).toBeNull();
  });
});
