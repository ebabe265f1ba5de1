import { inject } from 'vitest';
import { PLUGINS, type PluginName } from '../../../src/engine/decode/plugin.ts';

const wal2json = inject('wal2json');

/** The output plugins that this machine's source has. */
export const PRESENT_PLUGINS = PLUGINS.filter((plugin) => plugin !== 'wal2json' || wal2json !== null);

const quoted = { plugin: 'wal2json', binary: wal2json === 'quoted' } as const;

/**
 * Every form of the stream, each with batches below and above the size from which changes are applied set-wise.
 * To be spread over the options of `LiveReplay.start`; `rows` is not one of them.
 */
export const MODES = (
  [
    { mode: 'pgoutput text, one by one', stream: { plugin: 'pgoutput', binary: false }, rows: 4 },
    { mode: 'pgoutput text, set-wise', stream: { plugin: 'pgoutput', binary: false }, rows: 60 },
    { mode: 'pgoutput binary, one by one', stream: { plugin: 'pgoutput', binary: true }, rows: 4 },
    { mode: 'pgoutput binary, set-wise', stream: { plugin: 'pgoutput', binary: true }, rows: 60 },
    { mode: 'test_decoding, one by one', stream: { plugin: 'test_decoding' }, rows: 4 },
    { mode: 'test_decoding, set-wise', stream: { plugin: 'test_decoding' }, rows: 60 },
    { mode: 'wal2json, one by one', stream: quoted, rows: 4 },
    { mode: 'wal2json, set-wise', stream: quoted, rows: 60 },
  ] as const
).filter(({ stream }) => PRESENT_PLUGINS.includes(stream.plugin));

/**
 * A wal2json before 2.6 loses NaN and infinity of float4, float8 and numeric: tables with such columns are refused. Not those
 * with arrays, domains or composites of them.
 */
export const isLossy = ({ plugin }: { readonly plugin: PluginName }): boolean =>
  plugin === 'wal2json' && wal2json !== 'quoted';

/** A numeric column that every stream may have, and what is to be made before it. */
export const numericFor = (stream: {
  readonly plugin: PluginName;
}): { readonly make: string; readonly type: string } =>
  isLossy(stream) ? { make: 'CREATE DOMAIN number AS numeric;', type: 'number' } : { make: '', type: 'numeric' };

/** For types whose binary form is another on every server: the engine has them sent as text. */
export const TEXT_MODES = MODES.filter(({ stream }) => stream.plugin !== 'pgoutput' || !stream.binary);
