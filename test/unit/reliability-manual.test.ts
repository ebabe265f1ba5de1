import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const MANUAL = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');

/** `scenarios/apply/crash` › “one test”, “another” */
const CITATION = /`([\w/.-]+)` › ((?:“[^”]+”(?:, )?)+)/g;

const citations = [...MANUAL.matchAll(CITATION)].flatMap(([, path = '', names = '']) =>
  [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => ({ path, name })),
);

test.each(citations)('$path › $name is there', ({ path, name }) => {
  const file = ['ts', 'tsx']
    .map((extension) => new URL(`../${path}.test.${extension}`, import.meta.url))
    .find((url) => existsSync(url));
  expect(file, `test/${path}.test.ts`).toBeDefined();
  if (file) expect(readFileSync(file, 'utf8')).toContain(name);
});

test('every promise names a test', () => {
  const rows = MANUAL.split('\n').filter((line) => line.startsWith('| ') && !/^\|[ -|]*\|$/.test(line));
  const promises = rows.filter(
    (row) => !/^\| (promise|not promised|what) \|/.test(row) && row.split(' | ').length === 3,
  );
  expect(promises.length).toBeGreaterThan(20);
  expect(promises.filter((row) => row.search(CITATION) === -1)).toEqual([]);
});
