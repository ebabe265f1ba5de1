import { expect, test } from 'vitest';
import { librariesIn } from '../../src/providers/common/output-plugin.ts';

test('a list of libraries is read as the server reads it', () => {
  expect(librariesIn('pgoutput, test_decoding')).toEqual(['pgoutput', 'test_decoding']);
  expect(librariesIn('')).toEqual([]);
  expect(librariesIn(' wal2json ,pgoutput')).toEqual(['wal2json', 'pgoutput']);
  expect(librariesIn('"wal2json, pgoutput", "a""b"')).toEqual(['wal2json, pgoutput', 'a"b']);
});
