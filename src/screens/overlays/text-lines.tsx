import type { ErrorReport } from '../../errors/migrate-error.ts';
import type { IdentityChoice } from '../../state/services.ts';
import { oneLine } from '../../state/text-field.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import type { Tone } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { Lines, type ReaderOverlay } from './lines.tsx';
import { panelSize } from './panel.tsx';

/** A text and how it looks. */
export type TextPart = readonly [string, Tone | 'bold'];

/** Choices in full: what each costs, and all the SQL of the one that is chosen. */
export const choiceParts = (all: readonly IdentityChoice[], chosen: IdentityChoice | undefined): TextPart[] =>
  all.flatMap((choice, at): TextPart[] => {
    const on = choice.label === chosen?.label;
    return [
      [`${on ? '(x)' : '( )'} ${oneLine(choice.label)}${at === 0 ? ', recommended' : ''}`, 'bold'],
      [`    ${choice.cost}`, 'plain'],
      ...(on ? choice.sql : []).map((sql): TextPart => [`    ${oneLine(sql)};`, 'accent']),
      ['', 'plain'],
    ];
  });

/** An error of the last work on the source, which the screen below may cut off. */
export const errorParts = (error: ErrorReport | null): TextPart[] =>
  error === null
    ? []
    : [
        [`${error.code} ${error.message}`, 'fail'],
        [`    ${error.hint}`, 'plain'],
        ['', 'plain'],
      ];

/** A reader of texts, each over as many lines as it needs. */
export function TextLines(props: { parts: readonly TextPart[]; title: string; overlay: ReaderOverlay; size: Size }) {
  const { columns } = panelSize(props.size);
  const lines = props.parts.flatMap(([text, tone]) =>
    wrapLines(text, columns - 4).map((line, at) => ({ line: at > 0 ? `    ${line}` : line, tone })),
  );
  return (
    <Lines
      lines={lines.map(({ line, tone }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Text key={at} {...(tone === 'bold' ? { bold: true } : { tone })}>
          {line === '' ? ' ' : line}
        </Text>
      ))}
      title={props.title}
      overlay={props.overlay}
      size={props.size}
      empty=""
    />
  );
}
