import { Box } from 'ink';
import { changesInShort, changesInWords, mustDecide } from '../providers/identity/changes-seen.ts';
import { isDecided, undecided } from '../state/gates.ts';
import type { Model } from '../state/model.ts';
import type { IdentityChoice, IdentityRow } from '../state/services.ts';
import { choicesOf, chosenFor, identityRows } from '../state/steps/identity.ts';
import { oneLine } from '../state/text-field.ts';
import { formatBytesShort, formatCount, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import type { Column } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';
import { Applying, Choices, SourceTables } from './source-tables.tsx';

function Decision({ model, row }: { model: Model; row: IdentityRow }) {
  if (model.work.applying === row.relation) return <Mark status="running" now={model.now} />;
  // Another choice than the one that holds may be in sight.
  const holds = chosenFor(model.identity, row)?.kind === model.identity.applied[row.relation];
  if (isDecided(model, row)) return <Mark status={holds ? 'pass' : 'info'} />;
  return <Mark status={mustDecide(row) ? 'fail' : 'pending'} />;
}

const WIDE = 74;

const CHOICE_WORDS: Readonly<Record<IdentityChoice['kind'], string>> = {
  index: 'a unique index',
  'create-index': 'a new unique index',
  full: 'FULL',
  'insert-only': 'inserts only',
  'leave-out': 'leave it out',
};

const columns = (model: Model, wide: boolean): readonly Column<IdentityRow>[] => [
  { title: ' ', width: 1, cell: (row) => <Decision model={model} row={row} /> },
  { title: 'table', width: wide ? 28 : 20, cut: 'middle', cell: (row) => oneLine(row.relation) },
  ...(wide ? [{ title: 'size', width: 7, align: 'right', cell: sizeOf } as const] : []),
  { title: 'changes', width: 11, align: 'right', cell: changesInShort },
  { title: 'choice', cell: (row) => CHOICE_WORDS[chosenFor(model.identity, row)?.kind ?? 'insert-only'] },
];
const sizeOf = (row: IdentityRow): string => formatBytesShort(row.bytes);
/** A table that was never analysed has no count: none is not the same as zero. */
const rowsOf = ({ rows, bytes }: IdentityRow): string =>
  rows === 0 && bytes > 0 ? 'no rows counted' : `${formatCount(rows)} rows`;

/** What the choice costs and what it runs, in as many lines as there are; what does not fit is counted. */
function Details({ model, row, height, width }: { model: Model; row: IdentityRow; height: number; width: number }) {
  const { symbol } = useTheme();
  const chosen = chosenFor(model.identity, row);
  if (!chosen || height < 1) return null;
  const first = chosen.sql.slice(0, 2).flatMap((line) => wrapLines(`${oneLine(line)};`, width));
  const more = chosen.sql.length - 2;
  const sql =
    more > 0 ? [...first, `${symbol.ellipsis} ${formatNumberOf(more, 'more statement')}; s saves all`] : first;
  const cost = wrapLines(chosen.cost, width);
  // Both are in sight, the cost more of it; v shows all.
  const costRoom = Math.min(cost.length, Math.max(Math.ceil((height + 1) / 2), height - sql.length));
  const sqlRoom = height - costRoom;
  const cut = (lines: readonly string[], room: number): readonly string[] =>
    lines.length <= room
      ? lines
      : [...lines.slice(0, room - 1), `${(lines[room - 1] ?? '').slice(0, width - 2)} ${symbol.ellipsis}`];
  return (
    <Box flexDirection="column" flexShrink={0}>
      {cut(cost, costRoom).map((line) => (
        <Text key={`cost ${line}`}>{line}</Text>
      ))}
      {sqlRoom < 1
        ? null
        : cut(sql, sqlRoom).map((line) => (
            <Text key={`sql ${line}`} tone="accent">
              {line}
            </Text>
          ))}
    </Box>
  );
}

const USABLE = 'NOT NULL: ';

function Columns({ model, row, width }: { model: Model; row: IdentityRow; width: number }) {
  const { editing } = model.identity;
  if (!editing) return null;
  const usable = row.columns.filter(({ notNull }) => notNull).map(({ name }) => name);
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Field label="columns" labelWidth={9} field={editing} focused placeholder="id, or: device, at" width={width} />
      <Text tone="muted" wrap="truncate-end">{`  ${USABLE}${oneLine(usable.join(', '))}`}</Text>
      <Text tone="muted" wrap="truncate-end">
        {'  Together they must differ in every row. Enter takes them, Esc drops them.'}
      </Text>
    </Box>
  );
}

function summary(model: Model, rows: readonly IdentityRow[]): string {
  const open = undecided(model).length;
  if (open === 0)
    return `${formatNumberOf(rows.length, 'table')}; Enter goes on, what is not decided gets inserts only`;
  return `${open} of ${formatNumberOf(rows.length, 'table')} to decide: choose, then a; A takes all as they are chosen`;
}

/** The heading and the selected table. */
const LEAST_TABLE = 2;

/** The lines that each part gets; the table of tables gives way first, then the choices around the chosen one. */
function layout(size: Size, rows: number, choices: number, editing: boolean) {
  const roomy = size.rows >= 16;
  const gaps = size.rows >= 22 ? 1 : 0;
  // Heading, summary, facts of the selected table.
  const room = size.rows - 3 - gaps;
  const list = Math.max(editing ? 0 : 1, Math.min(choices, roomy ? 6 : 4, room - LEAST_TABLE - (editing ? 3 : 0)));
  const left = room - list;
  const details = Math.min(roomy ? 5 : 4, Math.max(2, left - 3));
  const table = Math.max(LEAST_TABLE, Math.min(rows + 1, left - details));
  return { gaps, list, table, details: Math.max(0, left - table) };
}

function Body({ model, size }: { model: Model; size: Size }) {
  const form = model.identity;
  const rows = identityRows(model);
  const { gaps, list, table, details } = layout(
    size,
    rows.length,
    rows[form.selected]?.choices.length ?? 0,
    form.editing !== null,
  );
  return (
    <SourceTables
      now={model.now}
      form={form}
      rows={rows}
      looking="looking for tables without replica identity"
      none="every table has a replica identity: nothing to choose"
      summary={summary(model, rows)}
      columns={columns(model, size.columns >= WIDE)}
      height={table}
      width={size.columns}
      bodyHeight={size.rows - 1}
      reading={model.reading}
      gap={gaps > 0}
      facts={(row) => `${rowsOf(row)}; changes: ${changesInWords(row)}`}
    >
      {(row) =>
        model.work.error ? (
          <ErrorBlock error={model.work.error} width={size.columns} room={list + details} />
        ) : (
          <>
            {list > 0 ? <Choices all={choicesOf(form, row)} chosen={chosenFor(form, row)} height={list} /> : null}
            {form.editing ? (
              <Columns model={model} row={row} width={size.columns} />
            ) : model.work.applying === null ? (
              <Details model={model} row={row} height={details} width={size.columns} />
            ) : (
              <Applying model={model} />
            )}
          </>
        )
      }
    </SourceTables>
  );
}

/** Tables without replica identity, and what to do about each. */
export function IdentityScreen({ model, size }: { model: Model; size: Size }) {
  const { saved } = model.work;
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading
        title="Replica identity"
        note={saved === null ? 'how a changed row is found again on the target' : `SQL saved as ${saved}`}
      />
      <Body model={model} size={size} />
    </Box>
  );
}
