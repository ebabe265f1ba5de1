import { Box } from 'ink';
import type { ReactNode } from 'react';
import { PROVIDERS, type ProviderId } from '../engine/options.ts';
import type { CheckResult } from '../providers/check.ts';
import type { CheckTab, Model } from '../state/model.ts';
import { sortedResults } from '../state/steps/checks.ts';
import { formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Gap } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { Text } from '../ui/text.tsx';
import { wrapLines } from '../ui/wrap.ts';
import { PROVIDER_SHORT_TITLES, PROVIDER_TITLES } from './provider-titles.ts';

const count = (tab: CheckTab, status: CheckResult['status']): number =>
  tab.results.filter((result) => result.status === status).length;

const Spaced = ({ mark, text = '' }: { mark: ReactNode; text?: string }) => (
  <Text>
    {' '}
    {mark}
    <Text tone="fail">{text}</Text>
  </Text>
);

function TabNote({ tab, now }: { tab: CheckTab; now: number }) {
  if (tab.state === 'running') return <Spaced mark={<Mark status="running" now={now} />} />;
  if (tab.state !== 'done') return null;
  const failing = count(tab, 'fail');
  if (failing === 0) return <Spaced mark={<Mark status="pass" />} />;
  return <Spaced mark={<Mark status="fail" />} text={`${failing}`} />;
}

function Summary({ tab, provider, detected }: { tab: CheckTab; provider: ProviderId; detected: ProviderId | null }) {
  const kind = detected === null ? '' : detected === provider ? 'detected' : `detected: ${PROVIDER_TITLES[detected]}`;
  const words = {
    idle: 'not run yet',
    running: `running, ${tab.results.length} so far`,
    failed: 'could not run',
    done: `${count(tab, 'pass')} passed, ${formatNumberOf(count(tab, 'warn'), 'warning')}, ${count(tab, 'fail')} failed`,
  }[tab.state];
  return (
    <Box height={1} flexShrink={0}>
      <Text wrap="truncate-end" tone="muted">{`${words}${kind === '' ? '' : `  (${kind})`}`}</Text>
    </Box>
  );
}

const COLUMNS: readonly Column<CheckResult>[] = [
  { title: ' ', width: 1, cell: (result) => <Mark status={result.status} /> },
  { title: 'check', width: 36, cell: (result) => result.title },
  { title: 'on', width: 6, cell: (result) => result.side },
  { title: 'found', cell: (result) => result.found.replaceAll('\n', ' ') },
];
const NARROW_COLUMNS = COLUMNS.filter((column) => column.title !== 'on').map((column) =>
  column.width === 36 ? { ...column, width: 28 } : column,
);

const DETAIL_LABEL = 8;

function Line({ label, text, tone }: { label: string; text: string; tone?: 'fail' | 'warn' }) {
  return (
    <Box flexShrink={0}>
      <Box width={DETAIL_LABEL} flexShrink={0}>
        <Text tone="muted">{label}</Text>
      </Box>
      <Text wrap="wrap" tone={tone}>
        {text}
      </Text>
    </Box>
  );
}

function Detail({ result, applying, now }: { result: CheckResult; applying: boolean; now: number }) {
  const fine = result.status === 'pass';
  const tone = result.status === 'fail' || result.status === 'warn' ? result.status : undefined;
  return (
    <Box flexDirection="column" overflow="hidden">
      <Line label="found" text={result.found} {...(tone === undefined ? {} : { tone })} />
      <Line label="wanted" text={result.wanted} />
      <Line label="why" text={result.why} />
      {fine ? null : <Line label="fix" text={result.fix} />}
      {result.apply === null || result.apply === undefined || fine ? null : (
        <Box marginLeft={DETAIL_LABEL} flexShrink={0}>
          {applying ? (
            <Text>
              <Mark status="running" now={now} /> running it
            </Text>
          ) : (
            <Text tone="accent">press a to run it from here</Text>
          )}
        </Box>
      )}
    </Box>
  );
}

/** How many lines the details take. */
function detailLines(result: CheckResult, columns: number): number {
  const fine = result.status === 'pass';
  const texts = [result.found, result.wanted, result.why, ...(fine ? [] : [result.fix])];
  const lines = texts.reduce((sum, text) => sum + wrapLines(text, columns - DETAIL_LABEL).length, 0);
  return lines + (result.apply && !fine ? 1 : 0);
}

/** The checks, one tab a source kind. */
export function ChecksScreen({ model, size }: { model: Model; size: Size }) {
  const tab = model.checks[model.provider];
  const results = sortedResults(tab);
  const selected = results[tab.selected];
  const wide = size.columns >= 78;
  const titles = wide ? PROVIDER_TITLES : PROVIDER_SHORT_TITLES;
  const { probe } = model.connect.source;
  const detected = probe.state === 'ok' ? probe.report.provider : null;
  // What is wanted of a check is its fix: the list gives way to it, down to three rows.
  const room = size.rows - 3 - (selected ? detailLines(selected, size.columns) : 0);
  const listHeight = Math.min(results.length + 1, Math.max(4, room));
  return (
    <Box flexDirection="column" height={size.rows}>
      <Tabs
        active={model.provider}
        tabs={PROVIDERS.map((id) => ({
          id,
          title: titles[id],
          note: <TabNote tab={model.checks[id]} now={model.now} />,
        }))}
      />
      <Summary tab={tab} provider={model.provider} detected={detected} />
      {tab.error ? <ErrorBlock error={tab.error} /> : null}
      {results.length === 0 ? null : (
        <Table
          columns={wide ? COLUMNS : NARROW_COLUMNS}
          rows={results}
          rowKey={(result) => result.id}
          selected={tab.selected}
          height={listHeight}
        />
      )}
      <Gap />
      {selected ? <Detail result={selected} applying={tab.applying === selected.id} now={model.now} /> : null}
    </Box>
  );
}
