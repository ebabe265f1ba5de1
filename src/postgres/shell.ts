/** A word in quotes, as a POSIX shell takes it whatever is in it. */
export const shellQuoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
