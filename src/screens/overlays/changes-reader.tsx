import type { ReactNode } from 'react';
import type { DefinitionChange, SchemaChange } from '../../engine/events.ts';
import type { Model } from '../../state/model.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import { wrapLines } from '../../ui/wrap.ts';
import { Lines, type ReaderOverlay } from './lines.tsx';
import { panelSize } from './panel.tsx';

type Line = { readonly text: string; readonly tone?: 'warn' | 'muted' | 'accent' };

/** What changed, what it means, and the statements in full: they wrap, and nothing of them is cut off. */
function linesOf({ table, what, means, sql, source_sql, locks, copy_again }: SchemaChange): Line[] {
  const run = (where: string, statements: readonly string[]): Line[] =>
    statements.length === 0
      ? []
      : [
          { text: `  run on the ${where}:`, tone: 'muted' },
          ...statements.map((text) => ({ text, tone: 'accent' as const })),
        ];
  return [
    { text: `${table}: ${what}`, ...(locks ? { tone: 'warn' as const } : {}) },
    { text: `  ${means}` },
    ...run('target', sql),
    ...run('source', source_sql),
    ...(copy_again ? [{ text: `  then copy it again: migrate --resync '${table}'`, tone: 'muted' as const }] : []),
    { text: ' ' },
  ];
}

/** A changed definition, with the statements for the target in full. */
function linesOfDefinition({ what, sql, at_once, when }: DefinitionChange): Line[] {
  const run = (title: string, statements: readonly string[]): Line[] =>
    statements.length === 0
      ? []
      : [
          { text: title, tone: 'muted' },
          ...statements
            .flatMap((statement) => `${statement};`.split('\n'))
            .map((text) => ({ text, tone: 'accent' as const })),
        ];
  return [
    { text: what },
    ...(when === 'hand'
      ? [{ text: '  change it on the target by hand: no statement is known to be safe', tone: 'muted' as const }]
      : []),
    ...run('  run on the target at once:', at_once),
    ...run(when === 'cutover' ? '  run on the target, in the cut-over:' : '  run on the target:', sql),
    { text: ' ' },
  ];
}

/** In what the source's tables differ from the target's by now. */
export function ChangesReader({ model, overlay, size }: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const { columns } = panelSize(size);
  const { progress } = model.engine;
  const lines = [
    ...(progress?.schema_changes ?? []).flatMap(linesOf),
    ...(progress?.definition_changes ?? []).flatMap(linesOfDefinition),
  ].flatMap(({ text, tone }) => wrapLines(text, columns).map((line) => ({ text: line, tone })));
  const nodes: ReactNode[] = lines.map(({ text, tone }, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be alike
    <Text key={at} {...(tone ? { tone } : {})}>
      {text === '' ? ' ' : text}
    </Text>
  ));
  return (
    <Lines
      lines={nodes}
      title="What changed on the source"
      overlay={overlay}
      size={size}
      empty="the target follows the source"
    />
  );
}
