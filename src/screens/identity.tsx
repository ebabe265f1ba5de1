import { Box } from 'ink';
import { undecided } from '../state/gates.ts';
import type { IdentityForm, Model } from '../state/model.ts';
import type { IdentityRow } from '../state/services.ts';
import { chosenFor, identityRows } from '../state/steps/identity.ts';
import { formatBytesShort, formatCount, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Gap, Heading, Paragraph } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';

function Decision({ form, row, now }: { form: IdentityForm; row: IdentityRow; now: number }) {
  if (form.applying === row.relation) return <Mark status="running" now={now} />;
  if (form.applied[row.relation]) return <Mark status="pass" />;
  return <Mark status={row.updatesDeletes > 0 ? 'fail' : 'pending'} />;
}

const columns = (form: IdentityForm, now: number, wide: boolean): readonly Column<IdentityRow>[] => [
  { title: ' ', width: 1, cell: (row) => <Decision form={form} row={row} now={now} /> },
  { title: 'table', width: wide ? 30 : 20, cell: (row) => row.relation },
  ...(wide ? [{ title: 'size', width: 7, align: 'right', cell: sizeOf } as const] : []),
  { title: 'changes', width: 7, align: 'right', cell: (row) => formatCount(row.updatesDeletes) },
  { title: 'choice', cell: (row) => chosenFor(form, row)?.label ?? 'none' },
];
const sizeOf = (row: IdentityRow): string => formatBytesShort(row.bytes);

function Choices({ form, row }: { form: IdentityForm; row: IdentityRow }) {
  const chosen = chosenFor(form, row);
  return (
    <Box flexDirection="column" overflow="hidden">
      {row.choices.map((choice, at) => (
        <Box key={choice.label} flexDirection="column" flexShrink={0}>
          <Text wrap="truncate-end" bold={choice === chosen}>
            {choice === chosen ? '(x) ' : '( ) '}
            {choice.label}
            <Text tone="muted">{at === 0 ? '  (recommended)' : ''}</Text>
          </Text>
        </Box>
      ))}
      <Gap />
      {chosen ? <Paragraph>{chosen.cost}</Paragraph> : null}
      {(chosen?.sql ?? []).map((line) => (
        <Box key={line} flexShrink={0}>
          <Text tone="accent" wrap="wrap">
            {line}
          </Text>
        </Box>
      ))}
    </Box>
  );
}

function Body({ model, size }: { model: Model; size: Size }) {
  const form = model.identity;
  if (form.rows.state === 'failed') return <ErrorBlock error={form.rows.error} />;
  if (form.rows.state !== 'ready') {
    return (
      <Text>
        <Mark status="running" now={model.now} /> looking for tables without replica identity
      </Text>
    );
  }
  const rows = identityRows(model);
  const row = rows[form.selected];
  if (!row) {
    return (
      <Text>
        <Mark status="pass" /> every table has a replica identity: nothing to choose
      </Text>
    );
  }
  const open = undecided(model).length;
  const height = Math.min(rows.length + 1, Math.max(4, size.rows - 11));
  return (
    <>
      <Paragraph tone="muted">
        {open > 0
          ? `${open} of ${formatNumberOf(rows.length, 'table')} must have a choice: their rows are updated or deleted.`
          : `${formatNumberOf(rows.length, 'table')}; without a choice: inserts only.`}
      </Paragraph>
      <Gap />
      <Table
        columns={columns(form, model.now, size.columns >= 74)}
        rows={rows}
        rowKey={(item) => item.relation}
        selected={form.selected}
        height={height}
      />
      <Gap />
      {form.error ? <ErrorBlock error={form.error} /> : <Choices form={form} row={row} />}
    </>
  );
}

/** Tables without replica identity, and what to do about each. */
export function IdentityScreen({ model, size }: { model: Model; size: Size }) {
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading title="Replica identity" note="how a changed row is found again on the target" />
      <Body model={model} size={size} />
    </Box>
  );
}
