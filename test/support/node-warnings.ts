/**
 * What the program's processes are started with in tests: Node and its libraries tell every warning and where it comes
 * from, and what is deprecated is an error that nothing catches. https://nodejs.org/api/cli.html#--throw-deprecation
 */
const TELL_ALL = '--trace-warnings --throw-deprecation';

/** NODE_OPTIONS for a process of the program, on top of what the test wants. */
export const nodeOptions = (ofTest = process.env.NODE_OPTIONS): string => [TELL_ALL, ofTest].filter(Boolean).join(' ');

/** The first lines of the warnings of Node that stand in what a process has written. */
export const nodeWarnings = (written: string): string[] =>
  written.split('\n').filter((line) => /\(node:\d+\) |MaxListenersExceeded|DeprecationWarning/.test(line));
