import { Box } from 'ink';
import { isTyping } from '../state/focus.ts';
import type { Model } from '../state/model.ts';
import { type Binding, isLive, type KeyTable, keyName } from './key-table.ts';
import { Text } from './text.tsx';
import { useTheme } from './theme.ts';

export interface FooterKey {
  readonly key: string;
  readonly label: string;
}

const printable = (key: string): boolean => [...key].length === 1 || key === 'space';

/** The keys that work right now, in the order of the tables. */
export function footerKeys(model: Model, tables: readonly KeyTable[], graphic: boolean): FooterKey[] {
  const typing = isTyping(model);
  const shown = (binding: Binding): FooterKey[] => {
    if (binding.footer === undefined || !isLive(binding, model)) return [];
    const key = binding.keys.find((name) => !typing || !printable(name));
    const label = typeof binding.footer === 'function' ? binding.footer(model) : binding.footer;
    return key === undefined ? [] : [{ key: keyName(key, graphic), label }];
  };
  return tables.flatMap((table) => table.bindings.flatMap(shown));
}

const GAP = 2;

/** As many of the keys as fit; the last two (help and leaving) always stay. */
export function fitKeys(keys: readonly FooterKey[], width: number): FooterKey[] {
  const size = ({ key, label }: FooterKey): number => [...key].length + 1 + [...label].length + GAP;
  const kept = keys.slice(-2);
  let room = width + GAP - kept.reduce((sum, key) => sum + size(key), 0);
  const first: FooterKey[] = [];
  for (const key of keys.slice(0, -2)) {
    room -= size(key);
    if (room < 0) break;
    first.push(key);
  }
  return [...first, ...kept];
}

export function Footer(props: { model: Model; tables: readonly KeyTable[]; width: number }) {
  const { symbol } = useTheme();
  const keys = fitKeys(footerKeys(props.model, props.tables, symbol.here !== '>'), props.width);
  return (
    <Box height={1} flexShrink={0} overflow="hidden">
      {keys.map(({ key, label }) => (
        <Box key={`${key} ${label}`} marginRight={GAP} flexShrink={0}>
          <Text wrap="truncate">
            <Text bold tone="accent">
              {key}
            </Text>
            <Text> {label}</Text>
          </Text>
        </Box>
      ))}
    </Box>
  );
}
