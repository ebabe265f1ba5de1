import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type EndReason, openTerminal } from '../../src/terminal/lifecycle.ts';
import { VirtualKeyboard, VirtualTerminal } from './virtual-terminal.ts';

function open() {
  const screen = new VirtualTerminal();
  const input = new VirtualKeyboard();
  const events = new EventEmitter();
  const reasons: EndReason[] = [];
  let continued = 0;
  input.setRawMode(true);
  const session = openTerminal({
    input,
    screen,
    events,
    onEnd: (reason) => reasons.push(reason),
    onContinue: () => {
      continued += 1;
    },
  });
  const drawn = (): Promise<void> => new Promise((resolve) => screen.xterm.write('', resolve));
  return { screen, input, events, session, reasons, drawn, continued: () => continued };
}

describe('the terminal', () => {
  it('is put back as it was', async () => {
    const { screen, input, events, session, drawn } = open();
    await drawn();
    expect(screen.alternate).toBe(true);
    expect(screen.xterm.modes.bracketedPasteMode).toBe(true);
    session.restore();
    session.restore();
    await drawn();
    expect(screen.alternate).toBe(false);
    expect(screen.xterm.modes).toMatchObject({ bracketedPasteMode: false, wraparoundMode: true });
    expect(input.raw).toBe(false);
    expect(screen.writes).toHaveLength(2);
    expect(events.eventNames()).toEqual([]);
  });

  it.each(['exit', 'uncaughtExceptionMonitor'])('is put back on %s', async (event) => {
    const { screen, input, events, drawn } = open();
    events.emit(event);
    await drawn();
    expect(screen.alternate).toBe(false);
    expect(input.raw).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('asks to leave on %s', (signal) => {
    const { events, reasons } = open();
    events.emit(signal);
    expect(reasons).toEqual([signal]);
  });

  it('asks to leave when it is gone, and writes to it no more', () => {
    const { screen, input, session, reasons } = open();
    screen.emit('error', new Error('write EPIPE'));
    input.emit('end');
    session.restore();
    expect(reasons).toEqual(['output-gone', 'input-gone']);
    expect(screen.writes).toHaveLength(1);
    // What was still in the pipe fails later: that must not crash the program.
    expect(() => screen.emit('error', new Error('write EPIPE'))).not.toThrow();
  });

  it('is taken again after the process was stopped and continued', async () => {
    const { screen, events, drawn, continued } = open();
    screen.write('\u001b[?1049l');
    events.emit('SIGCONT');
    await drawn();
    expect(screen.alternate).toBe(true);
    expect(continued()).toBe(1);
  });

  it('is put back at the end of its scope', async () => {
    const { screen, session, drawn } = open();
    {
      using held = session;
      expect(held).toBe(session);
    }
    await drawn();
    expect(screen.alternate).toBe(false);
  });
});
