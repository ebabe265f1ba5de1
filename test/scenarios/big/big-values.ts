/**
 * SQL for values of so many megabytes. They are quickly made, and as long in the stream as any; that the server does not
 * compress them is for `STORAGE EXTERNAL`.
 */
export const text = (mb: number): string => `repeat('0123456789abcdef', ${mb * 65_536})`;
export const bytea = (mb: number): string => `decode(repeat('00ff5c0a', ${mb * 262_144}), 'hex')`;
