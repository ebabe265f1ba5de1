import { Text as InkText, Transform } from 'ink';
import type { ReactNode } from 'react';
import { type Tone, useTheme } from './theme.ts';

export interface TextProps {
  /** What the colour stands for; the theme says which it is, and under NO_COLOR none. */
  readonly tone?: Tone | undefined;
  readonly bold?: boolean;
  readonly inverse?: boolean;
  /** `wrap` is for paragraphs, not for a part of a line. */
  readonly wrap?: 'wrap' | 'truncate' | 'truncate-end' | 'truncate-middle';
  readonly children?: ReactNode;
}

/** Ink keeps the space at which it broke a line, and puts it in front of the next one. */
const dropBreakSpace = (line: string, index: number): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours may stand before the space
  index === 0 ? line : line.replace(/^((?:\u001b\[[\d;]*m)*) (?! )/, '$1');

/** The only text there is: colours come in by their meaning. */
export function Text({ tone = 'plain', bold = false, inverse = false, wrap = 'truncate-end', children }: TextProps) {
  const color = useTheme().color[tone];
  const text = (
    <InkText {...(color === undefined ? {} : { color })} bold={bold} inverse={inverse} wrap={wrap}>
      {children}
    </InkText>
  );
  return wrap === 'wrap' ? <Transform transform={dropBreakSpace}>{text}</Transform> : text;
}
