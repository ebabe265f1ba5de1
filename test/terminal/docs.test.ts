import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { checksManual } from '../../docs/generate/checks.ts';
import { renderFrames } from '../../docs/generate/frames.tsx';
import { keysManual } from '../../docs/generate/keys.ts';

const at = (path: string): URL => new URL(`../../docs/${path}`, import.meta.url);

it('docs/keys.md is what the key tables say', async () => {
  expect(await readFile(at('keys.md'), 'utf8')).toBe(keysManual());
});

it('docs/checks.md is what the checks and the steps say', async () => {
  expect(await readFile(at('checks.md'), 'utf8')).toBe(checksManual());
});

it('docs/frames are pictures of the wizard as it is', async () => {
  const frames = await renderFrames();
  expect((await readdir(at('frames'))).sort()).toEqual(frames.map(({ name }) => `${name}.svg`).sort());
  for (const { name, svg } of frames) expect(svg, name).toBe(await readFile(at(`frames/${name}.svg`), 'utf8'));
});
