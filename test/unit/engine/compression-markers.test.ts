import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Change } from '../../../src/engine/decode/change.ts';
import { outsideMarkers } from '../../../src/engine/decode/compression-markers.ts';
import { type NamedTable, NamedTables } from '../../../src/engine/decode/named-tables.ts';
import type { Decoder } from '../../../src/engine/decode/plugin.ts';
import { testDecoding } from '../../../src/engine/decode/test-decoding.ts';
import { plain } from './plain-changes.ts';

/** What `test_decoding` shows of a compressed chunk, on TimescaleDB of the version in the file's name. */
const RECORDED = join(import.meta.dirname, 'recorded');
const recordings = readdirSync(RECORDED).filter((name) => name.startsWith('compressed-chunks-'));

const CHUNK: NamedTable = {
  oid: 1,
  schema: '_timescaledb_internal',
  name: '_hyper_1_1_chunk',
  identity: 'full',
  keys: [],
  columns: [
    { name: 'time', type: 'timestamp with time zone' },
    { name: 'dev', type: 'integer' },
    { name: 'v', type: 'integer' },
  ],
  wanted: true,
};

const record = (line: string): Buffer => Buffer.concat([Buffer.from('0000000000000010', 'hex'), Buffer.from(line)]);
const decoderOf = (names = new NamedTables([CHUNK])): Decoder => outsideMarkers(testDecoding.decoder(names));

/** Rows and unknown tables; those with their names. */
function said(decode: Decoder, lines: readonly string[]): unknown[] {
  const changes = lines.flatMap((line) => decode(record(line)));
  return changes
    .filter(({ kind }) => !['begin', 'commit', 'relation', 'message', 'other'].includes(kind))
    .map((change: Change) => (change.kind === 'unknown-table' ? ['unknown', change.name] : plain(change)));
}

describe.each(recordings)('given %s', (name) => {
  const does = JSON.parse(readFileSync(join(RECORDED, name), 'utf8')) as Record<string, string[]>;
  const run = (what: string) => said(decoderOf(), does[what] ?? expect.fail(`not recorded: ${what}`));
  const at = (time: string, ...rest: string[]) => [`2026-11-01 ${time}:00+00`, ...rest];

  test('what moves rows from one form into the other says nothing', () => {
    expect(run('compress_chunk')).toEqual([]);
    expect(run('recompression')).toEqual([]);
  });

  test('a row that comes late is a row', () => {
    expect(run('late row')).toEqual([['insert', 1, at('03:00', '2', '2')]]);
  });

  test('of UPDATE and DELETE what follows the decompression', () => {
    expect(run('UPDATE')).toEqual([['update', 1, at('01:00', '1', '1'), at('01:00', '1', '3')]]);
    expect(run('DELETE')).toEqual([['delete', 1, at('03:00', '2', '2')]]);
  });

  test('decompress_chunk says nothing, a DELETE behind it does', () => {
    const deleted = ['00:09', '00:10', '00:11'].map((time) => ['delete', 1, at(time, '5', '1')]);
    expect(run('decompress_chunk')).toEqual(deleted);
  });

  test('a batch that is deleted as a whole asks for the table that it was in', () => {
    expect(run('DELETE of a batch')).toEqual([['unknown', expect.stringMatching(/^compress_hyper_/)]]);
  });

  test('a batch whose rows enter a chunk that is not wanted asks nothing', () => {
    const names = new NamedTables([{ ...CHUNK, wanted: false }]);
    expect(said(decoderOf(names), does.DELETE ?? [])).toEqual([]);
  });

  test('compressed rows outside of markers ask for their table', () => {
    expect(run('direct compress')).toEqual([['unknown', expect.stringMatching(/^compress_hyper_/)]]);
  });

  test('TRUNCATE names the table of compressed rows as truncated', () => {
    const decode = decoderOf();
    const changes = (does.TRUNCATE ?? []).flatMap((line) => decode(record(line)));
    const unknown = changes.filter(({ kind }) => kind === 'unknown-table');
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown).toEqual(unknown.map((change) => ({ ...change, truncated: true })));
  });

  test('the end that asked is decoded again, and what follows is outside', () => {
    const decode = decoderOf();
    const lines = does['DELETE of a batch'] ?? [];
    const row = (does['late row'] ?? [])[1] ?? '';
    for (const line of lines.slice(0, -2)) decode(record(line));
    const end = record(lines.at(-2) ?? '');
    expect(decode(end)).toMatchObject([{ kind: 'unknown-table', deleted: true }]);
    expect(decode(end)).toMatchObject([{ kind: 'message' }]);
    expect(said(decode, [row])).toHaveLength(1);
  });
});

describe('markers', () => {
  const START = 'message: transactional: 1 prefix: ::timescaledb-compression-start, sz: 0 content:';
  const END = 'message: transactional: 1 prefix: ::timescaledb-compression-end, sz: 0 content:';
  const ROW = `table _timescaledb_internal._hyper_1_1_chunk: INSERT: "time"[timestamp with time zone]:'t' dev[integer]:1 v[integer]:1`;

  test('may stand inside of each other', () => {
    expect(said(decoderOf(), ['BEGIN 1', START, ROW, START, ROW, END, ROW, END, ROW, 'COMMIT 1'])).toHaveLength(1);
  });

  test('without an end they end with their transaction', () => {
    expect(said(decoderOf(), ['BEGIN 1', START, ROW, 'COMMIT 1', 'BEGIN 2', ROW, 'COMMIT 2'])).toHaveLength(1);
  });

  test('an end without a beginning is none', () => {
    expect(said(decoderOf(), ['BEGIN 1', END, ROW, START, ROW, END, ROW, 'COMMIT 1'])).toHaveLength(2);
  });
});
