import { describe, expect, it, vi } from 'vitest';
import { createScreenWriter } from '../../src/terminal/screen-writer.ts';
import { VirtualTerminal } from './virtual-terminal.ts';

const frame = (...lines: string[]): string => lines.join('\n');

function open(columns = 20, rows = 4) {
  vi.useFakeTimers();
  const terminal = new VirtualTerminal(columns, rows);
  const writer = createScreenWriter(terminal, { intervalMs: 60 });
  const put = (text: string): void => {
    writer.stdout.write(text);
  };
  const settle = async (): Promise<string> => {
    vi.advanceTimersByTime(200);
    vi.useRealTimers();
    await new Promise<void>((resolve) => terminal.xterm.write('', resolve));
    return terminal.text();
  };
  return { terminal, writer, put, settle };
}

describe('the screen writer', () => {
  it('writes only the lines that changed, inside synchronized output', async () => {
    const { terminal, put, settle } = open();
    put(frame('one', 'two', 'three'));
    vi.advanceTimersByTime(100);
    put(frame('one', '2', 'three'));
    expect(await settle()).toBe('one\n2\nthree\n');
    expect(terminal.writes[1]).toBe('\u001b[?2026h\u001b[2;1H\u001b[2K2\u001b[?2026l');
  });

  it('draws the first frame at once, then keeps only the newest of a burst', async () => {
    const { terminal, put, settle } = open();
    put('first');
    expect(terminal.writes).toHaveLength(1);
    for (let at = 0; at < 100; at += 1) put(`frame ${at}`);
    expect(terminal.writes).toHaveLength(1);
    expect(await settle()).toBe('frame 99\n\n\n');
    expect(terminal.writes).toHaveLength(2);
  });

  it('writes nothing when nothing changed', async () => {
    const { terminal, put, settle } = open();
    put('same');
    vi.advanceTimersByTime(100);
    put('same');
    await settle();
    expect(terminal.writes).toHaveLength(1);
  });

  it('never writes below the last row, nor scrolls', async () => {
    const { terminal, put, settle } = open(20, 3);
    put(frame('1', '2', '3', '4', '5'));
    expect(await settle()).toBe('1\n2\n3');
    expect(terminal.xterm.buffer.active.baseY).toBe(0);
  });

  it('erases what a shorter frame leaves', async () => {
    const { put, settle } = open();
    put(frame('1', '2', '3'));
    vi.advanceTimersByTime(100);
    put('1');
    expect(await settle()).toBe('1\n\n\n');
  });

  it('draws all again after a resize', async () => {
    const { terminal, writer, put, settle } = open(20, 4);
    let told = 0;
    writer.stdout.on('resize', () => {
      told += 1;
      put(frame('wide', 'frame'));
    });
    put(frame('wide', 'frame'));
    vi.advanceTimersByTime(100);
    terminal.resize(10, 3);
    expect(await settle()).toBe('wide\nframe\n');
    expect(told).toBe(1);
    expect(terminal.writes.at(-1)).toContain('\u001b[2J');
    expect([writer.stdout.columns, writer.stdout.rows]).toEqual([10, 3]);
  });

  it('waits for a terminal that is slow, and then shows the newest frame', async () => {
    const { terminal, put, settle } = open();
    const write = terminal.write.bind(terminal);
    terminal.write = (text) => {
      write(text);
      return false;
    };
    put('one');
    vi.advanceTimersByTime(500);
    put('two');
    put('three');
    vi.advanceTimersByTime(500);
    expect(terminal.writes).toHaveLength(1);
    terminal.emit('drain');
    expect(await settle()).toBe('three\n\n\n');
  });

  it('says nothing after it is closed', async () => {
    const { terminal, writer, put, settle } = open();
    put('one');
    put('two');
    writer.close();
    put('three');
    await settle();
    expect(terminal.writes).toHaveLength(1);
    expect(terminal.listenerCount('resize')).toBe(0);
  });
});
