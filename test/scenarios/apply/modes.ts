/** Both forms of the stream, each with batches below and above the size from which changes are applied set-wise. */
export const MODES = [
  { mode: 'text stream, one by one', binary: false, rows: 4 },
  { mode: 'text stream, set-wise', binary: false, rows: 60 },
  { mode: 'binary stream, one by one', binary: true, rows: 4 },
  { mode: 'binary stream, set-wise', binary: true, rows: 60 },
] as const;

/** For types whose binary form is another on every server: the engine has them sent as text. */
export const TEXT_MODES = MODES.filter(({ binary }) => !binary);
