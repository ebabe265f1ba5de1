import { Box } from 'ink';
import { maskConnection } from '../state/connection-text.ts';
import type { TextField } from '../state/text-field.ts';
import { Text } from './text.tsx';
import { useTheme } from './theme.ts';

/** `password`: all of it hidden; `connection`: the password inside a connection string hidden. */
export type FieldKind = 'text' | 'password' | 'connection';

/** What is shown of a field's text; as many code points as the text has. */
export function shownText(text: string, kind: FieldKind, mask: string): string {
  if (kind === 'password') return mask.repeat([...text].length);
  return kind === 'connection' ? maskConnection(text, mask) : text;
}

/** The part of a long line that has the cursor in it, and where the cursor is in that part. */
export function fieldWindow(
  points: readonly string[],
  cursor: number,
  width: number,
  ellipsis = '…',
): { text: string; at: number } {
  const room = Math.max(1, width);
  // The cursor may stand behind the last character: that takes a cell, too.
  const start = Math.max(0, Math.min(cursor - room + 1, points.length + 1 - room));
  const shown = points.slice(start, start + room);
  if (start > 0 && cursor > start) shown[0] = ellipsis;
  if (start + room < points.length && cursor < start + room - 1) shown[room - 1] = ellipsis;
  return { text: shown.join(''), at: cursor - start };
}

export interface FieldProps {
  readonly label: string;
  readonly labelWidth: number;
  readonly field: TextField;
  readonly kind?: FieldKind;
  readonly focused: boolean;
  /** Shown, muted, while the field is empty. */
  readonly placeholder?: string;
  /** Of label and text together. */
  readonly width: number;
}

/** A labelled line of text. It draws; what is typed goes through the model. */
export function Field(props: FieldProps) {
  const { label, labelWidth, field, kind = 'text', focused, placeholder = '', width } = props;
  const { symbol } = useTheme();
  const points = [...shownText(field.text, kind, symbol.mask)];
  const room = width - labelWidth - 2;
  const view = focused ? fieldWindow(points, field.cursor, room, symbol.ellipsis) : { text: points.join(''), at: -1 };
  const shown = [...view.text];
  return (
    <Box height={1} flexShrink={0}>
      <Box width={2} flexShrink={0}>
        <Text tone="accent">{focused ? symbol.here : ' '}</Text>
      </Box>
      <Box width={labelWidth} flexShrink={0}>
        <Text bold={focused} wrap="truncate-end">
          {label}
        </Text>
      </Box>
      <Text wrap="truncate-end">
        {focused ? (
          <>
            {shown.slice(0, view.at).join('')}
            <Text inverse>{shown[view.at] ?? ' '}</Text>
            {shown.slice(view.at + 1).join('')}
          </>
        ) : (
          view.text
        )}
        {points.length === 0 ? <Text tone="muted">{placeholder}</Text> : null}
      </Text>
    </Box>
  );
}
