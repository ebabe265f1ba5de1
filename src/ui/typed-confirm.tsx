import { Box } from 'ink';
import type { TextField } from '../state/text-field.ts';
import { Field } from './field.tsx';
import { Mark } from './status.tsx';
import { Text } from './text.tsx';

/** A field that must hold `word` before a dangerous step opens; it says by a mark whether it does. */
export function TypedConfirm(props: {
  label: string;
  labelWidth: number;
  word: string;
  field: TextField;
  focused: boolean;
  width: number;
}) {
  const matches = props.field.text === props.word;
  return (
    <Box height={1} flexShrink={0}>
      <Field
        label={props.label}
        labelWidth={props.labelWidth}
        field={props.field}
        focused={props.focused}
        placeholder={`type ${props.word}`}
        width={Math.max(props.labelWidth + 12, props.width - 14)}
      />
      {props.field.text === '' ? null : (
        <Text wrap="truncate">
          {'  '}
          <Mark status={matches ? 'pass' : 'pending'} />
          <Text tone="muted">{matches ? ' confirmed' : ' not yet'}</Text>
        </Text>
      )}
    </Box>
  );
}
