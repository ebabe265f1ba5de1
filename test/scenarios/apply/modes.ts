/**
 * Every form of the stream, each with batches below and above the size from which changes are applied set-wise.
 * To be spread over the options of `LiveReplay.start`; `rows` is not one of them.
 */
export const MODES = [
  { mode: 'pgoutput text, one by one', stream: { plugin: 'pgoutput', binary: false }, rows: 4 },
  { mode: 'pgoutput text, set-wise', stream: { plugin: 'pgoutput', binary: false }, rows: 60 },
  { mode: 'pgoutput binary, one by one', stream: { plugin: 'pgoutput', binary: true }, rows: 4 },
  { mode: 'pgoutput binary, set-wise', stream: { plugin: 'pgoutput', binary: true }, rows: 60 },
  { mode: 'test_decoding, one by one', stream: { plugin: 'test_decoding' }, rows: 4 },
  { mode: 'test_decoding, set-wise', stream: { plugin: 'test_decoding' }, rows: 60 },
] as const;

/** For types whose binary form is another on every server: the engine has them sent as text. */
export const TEXT_MODES = MODES.filter(({ stream }) => !('binary' in stream && stream.binary));
