import { writeSync } from 'node:fs';

/** Why the screen has to end although nobody pressed a key. */
export type EndReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'output-gone' | 'input-gone';

export interface TerminalSession extends Disposable {
  /** Puts the terminal back as it was; safe to call twice. */
  restore(): void;
}

/** The streams of a terminal, as far as they are used here. */
export interface TerminalInput {
  readonly isTTY?: boolean | undefined;
  setRawMode?(raw: boolean): unknown;
  on(event: 'end' | 'close' | 'error', listener: (error?: Error) => void): unknown;
  off(event: 'end' | 'close' | 'error', listener: (error?: Error) => void): unknown;
}
export interface TerminalScreen {
  readonly fd?: number | undefined;
  write(text: string): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}
/** Where signals and the end of the process are announced; `process` outside of tests. */
export interface ProcessEvents {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: alternate screen, cursor, line wrap, bracketed paste
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?2004h';
const LEAVE = '\u001b[?2026l\u001b[0m\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Takes the terminal and gives it back on every way out: the ordinary one, an uncaught exception (before Node prints
 * it), `process.exit` from wherever, SIGINT, SIGTERM, SIGHUP, and a terminal that is gone (EPIPE, EIO, end of input).
 * Signals and a lost terminal are reported to `onEnd`, the first time as a wish to leave; what then happens is the
 * wizard's business.
 */
export function openTerminal(of: {
  input: TerminalInput;
  screen: TerminalScreen;
  onEnd: (reason: EndReason) => void;
  /** The process came back from having been stopped (Ctrl-Z from outside): the screen must be drawn again. */
  onContinue?: () => void;
  events?: ProcessEvents;
}): TerminalSession {
  const { input, screen, onEnd, onContinue } = of;
  const events: ProcessEvents = of.events ?? process;
  let open = true;
  let writable = true;

  /** Synchronous where there is a file descriptor: at exit nothing else is written any more. */
  const put = (text: string): void => {
    if (!writable) return;
    try {
      if (screen.fd === undefined) screen.write(text);
      else writeSync(screen.fd, text);
    } catch {
      writable = false;
    }
  };

  const restore = (): void => {
    if (!open) return;
    open = false;
    put(LEAVE);
    try {
      if (input.isTTY) input.setRawMode?.(false);
    } catch {
      // The terminal is gone; there is no mode to restore.
    }
    release();
  };

  const outputGone = (): void => {
    writable = false;
    onEnd('output-gone');
  };
  const inputGone = (): void => onEnd('input-gone');
  const signalled = Object.fromEntries(SIGNALS.map((signal) => [signal, () => onEnd(signal)]));
  const continued = (): void => {
    if (!open) return;
    put(ENTER);
    if (input.isTTY) input.setRawMode?.(true);
    onContinue?.();
  };

  const release = (): void => {
    events.off('exit', restore);
    events.off('uncaughtExceptionMonitor', restore);
    events.off('SIGCONT', continued);
    for (const [signal, listener] of Object.entries(signalled)) events.off(signal, listener);
    input.off('end', inputGone);
    input.off('close', inputGone);
    input.off('error', inputGone);
    // `screen`'s error listener stays: a late EPIPE of what is still in the pipe must not crash the program.
  };

  events.on('exit', restore);
  events.on('uncaughtExceptionMonitor', restore);
  events.on('SIGCONT', continued);
  for (const [signal, listener] of Object.entries(signalled)) events.on(signal, listener);
  input.on('end', inputGone);
  input.on('close', inputGone);
  input.on('error', inputGone);
  screen.on('error', outputGone);
  put(ENTER);

  return { restore, [Symbol.dispose]: restore };
}
