import { Text } from './text.tsx';
import { type Symbols, type Tone, useTheme } from './theme.ts';

/** What a mark says; never by colour alone. */
export type Status = 'pass' | 'warn' | 'fail' | 'info' | 'pending' | 'running';

const TONES: Record<Status, Tone> = {
  pass: 'ok',
  warn: 'warn',
  fail: 'fail',
  info: 'muted',
  pending: 'muted',
  running: 'accent',
};
export const statusTone = (status: Status): Tone => TONES[status];

/** The sign of a status; `now` in ms turns the sign of what is running. */
export function statusSign(status: Status, symbol: Symbols, now: number): string {
  if (status === 'running') return symbol.running[Math.floor(now / 500) % symbol.running.length] ?? '';
  return symbol[status];
}

export function Mark({ status, now = 0 }: { status: Status; now?: number }) {
  const { symbol } = useTheme();
  return <Text tone={TONES[status]}>{statusSign(status, symbol, now)}</Text>;
}
