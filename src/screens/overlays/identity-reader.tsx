import type { Model } from '../../state/model.ts';
import { choicesOf, chosenFor, selectedRow } from '../../state/steps/identity.ts';
import { oneLine } from '../../state/text-field.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import type { Tone } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { Lines, type ReaderOverlay } from './lines.tsx';
import { panelSize } from './panel.tsx';

/** The choices of the selected table in full: what each costs, and all the SQL of the one that is chosen. */
export function IdentityReader(props: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const { model, overlay, size } = props;
  const row = selectedRow(model);
  const form = model.identity;
  const chosen = row && chosenFor(form, row);
  const { columns } = panelSize(size);
  const all = row ? choicesOf(form, row) : [];
  const parts: readonly (readonly [string, Tone | 'bold'])[] = [
    ...all.flatMap((choice, at): [string, Tone | 'bold'][] => [
      [
        `${choice.label === chosen?.label ? '(x)' : '( )'} ${oneLine(choice.label)}${at === 0 ? ', recommended' : ''}`,
        'bold',
      ],
      [`    ${choice.cost}`, 'plain'],
      ...(choice.label === chosen?.label ? choice.sql : []).map((sql): [string, Tone] => [
        `    ${oneLine(sql)};`,
        'accent',
      ]),
      ['', 'plain'],
    ]),
  ];
  const lines = parts.flatMap(([text, tone]) =>
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
      title={row ? oneLine(row.relation) : 'Replica identity'}
      overlay={overlay}
      size={size}
      empty=""
    />
  );
}
