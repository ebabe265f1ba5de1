import { Box } from 'ink';
import type { ReactNode } from 'react';
import { PROVIDERS, type ProviderId } from '../engine/options.ts';
import type { CheckResult } from '../providers/check.ts';
import {
  type CheckEntry,
  checkEntries,
  checksSummary,
  fixBeforeRestart,
  openSteps,
  selectedIndex,
} from '../state/check-entries.ts';
import type { CheckTab, Model } from '../state/model.ts';
import type { Size } from '../terminal/use-size.ts';
import { errorNodes, fitLines } from '../ui/error-block.tsx';
import { windowAround } from '../ui/list-window.ts';
import { Mark, type Status } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { fittingTitles, Tabs } from '../ui/tabs.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';
import { EntryDetail } from './entry-detail.tsx';
import { entryLines, entryTitle } from './entry-lines.ts';
import { PROVIDER_MEDIUM_TITLES, PROVIDER_NAMES, PROVIDER_SHORT_TITLES, PROVIDER_TITLES } from './provider-titles.ts';
import { Line } from './scrolled-lines.tsx';

const count = (tab: CheckTab, status: CheckResult['status']): number =>
  tab.results.filter((result) => result.status === status).length;

/** What stands behind the title of a tab: ` ✗2 ☐3`. */
function TabNote({ tab, now }: { tab: CheckTab; now: number }) {
  const { symbol } = useTheme();
  if (tab.state === 'running') {
    return (
      <Text>
        {' '}
        <Mark status="running" now={now} />
      </Text>
    );
  }
  if (tab.state !== 'done') return null;
  const failing = count(tab, 'fail');
  const open = openSteps(tab).length;
  return (
    <Text>
      {' '}
      <Mark status={failing > 0 ? 'fail' : 'pass'} />
      {failing > 0 ? <Text tone="fail">{`${failing}`}</Text> : null}
      {open > 0 ? <Text tone="muted">{` ${symbol.todo}${open}`}</Text> : null}
    </Text>
  );
}

/** Cells of a tab's note, so that the titles can give way to it. */
function noteWidth(tab: CheckTab): number {
  if (tab.state === 'running') return 2;
  if (tab.state !== 'done') return 0;
  const failing = count(tab, 'fail');
  const open = openSteps(tab).length;
  return 2 + (failing > 0 ? String(failing).length : 0) + (open > 0 ? 2 + String(open).length : 0);
}

/** Tabs and summary. */
const TABS = 2;
/** Headings, two checks, and which are in sight; then a line of the selected one. */
const LEAST_LIST = 4;
const LEAST_DETAIL = 1;
/** From this many lines on, what can wait is told too. */
const ROOMY_ROWS = 16;
/** Characters from which it is left to the check of the source's kind. */
const LONG_EVIDENCE = 80;

interface Remark {
  readonly status: Status;
  readonly text: string;
}

/** What the operator has to know about the tab as a whole; with little room what can wait is left out. */
function tabRemarks(model: Model, roomy: boolean): Remark[] {
  const { provider } = model;
  const { probe } = model.connect.source;
  const tab = model.checks[provider];
  const remarks: Remark[] = [];
  if (probe.state === 'ok') {
    const { report } = probe;
    if (report.provider !== null && report.provider !== provider) {
      const { providerEvidence: evidence } = report;
      const why = evidence === '' || evidence.length > LONG_EVIDENCE ? '' : ` (${evidence})`;
      const text = `this server looks like ${PROVIDER_NAMES[report.provider]}${why}: use the ${PROVIDER_TITLES[report.provider]} tab`;
      remarks.push({ status: 'warn', text });
    }
    if (report.providerNote !== null) remarks.push({ status: 'warn', text: report.providerNote });
  }
  const early = fixBeforeRestart(tab);
  if (tab.restart !== null && tab.state !== 'running' && (roomy || !early)) {
    const text = early
      ? `a restart of the ${tab.restart} is noticed: checks run again by themselves then`
      : `restart of the ${tab.restart} needed: waiting for it, checks run again by themselves`;
    remarks.push({ status: 'running', text });
  }
  return remarks;
}

/** Remarks line by line, a mark in front of each. */
const remarkLines = (remarks: readonly Remark[], now: number, width: number): ReactNode[] =>
  remarks.flatMap((remark) =>
    wrapLines(remark.text, width - 2).map((line, at) => (
      <Box key={`${remark.text} ${line}`} height={1} flexShrink={0}>
        <Box width={2} flexShrink={0}>
          {at === 0 ? <Mark status={remark.status} now={now} /> : null}
        </Box>
        <Text tone={remark.status === 'warn' ? 'warn' : 'plain'}>{line}</Text>
      </Box>
    )),
  );

/** What stands above the list: remarks about the tab as a whole, and why its checks could not run. */
export const aboveList = (model: Model, roomy: boolean, width: number): ReactNode[] => {
  const { error } = model.checks[model.provider];
  return [...remarkLines(tabRemarks(model, roomy), model.now, width), ...(error ? errorNodes(error, width) : [])];
};

function EntryMark({ entry, stale }: { entry: CheckEntry; stale: boolean }): ReactNode {
  if (entry.kind === 'step') {
    return <Text tone={entry.step.ticked === null ? 'plain' : 'ok'}>{entry.step.ticked === null ? '[ ]' : '[x]'}</Text>;
  }
  return <Mark status={stale ? 'pending' : entry.result.status} />;
}

const sideOf = (entry: CheckEntry): string => (entry.kind === 'check' ? entry.result.side : 'you');

function foundOf(entry: CheckEntry): string {
  if (entry.kind === 'check') return entry.result.found.replaceAll('\n', ' ');
  return entry.step.ticked === null ? 'to be done by hand' : `ticked ${entry.step.ticked.slice(0, 10)}`;
}

/** The title has as much of the line as it needs, and what was found the rest. */
const columns = (tab: CheckTab, width: number): readonly Column<CheckEntry>[] => [
  { title: ' ', width: 3, cell: (entry) => <EntryMark entry={entry} stale={tab.stale.includes(entry.id)} /> },
  { title: 'check', width: Math.min(56, Math.floor(width * 0.46)), cell: entryTitle },
  ...(width >= 78 ? [{ title: 'on', width: 6, cell: sideOf }] : []),
  { title: 'found', cell: foundOf },
];

/** Which rows of the list are in sight when some are not: three rows look like all there is. */
function inSight(selected: number, length: number, height: number): string {
  const { start, end } = windowAround(selected, length, height);
  return end - start >= length ? ' ' : `  ${start + 1}-${end} of ${length}`;
}

function detectedWords(detected: ProviderId | null, provider: ProviderId): string {
  return detected === provider ? '  (detected)' : '';
}

/** The checks and the steps, one tab a source kind. */
export function ChecksScreen({ model, size }: { model: Model; size: Size }) {
  const tab = model.checks[model.provider];
  const entries = checkEntries(tab);
  const at = selectedIndex(tab, entries);
  const selected = entries[at];
  const { probe } = model.connect.source;
  const detected = probe.state === 'ok' ? probe.report.provider : null;
  const roomy = size.rows >= ROOMY_ROWS;
  const titles = fittingTitles(
    [PROVIDER_TITLES, PROVIDER_MEDIUM_TITLES, PROVIDER_SHORT_TITLES].map((kind) => PROVIDERS.map((id) => kind[id])),
    PROVIDERS.reduce((sum, id) => sum + noteWidth(model.checks[id]), 0),
    size.columns,
  );
  const most = Math.max(1, size.rows - TABS - (entries.length === 0 ? 0 : LEAST_LIST + LEAST_DETAIL));
  const remarks = fitLines(aboveList(model, roomy, size.columns), most, 'v');
  const above = TABS + remarks.length;
  // What is wanted of a check is its fix: the list gives way to it, down to a few rows.
  const wanted = selected ? entryLines(selected, size.columns).length : 0;
  const room = size.rows - above - 1;
  const listHeight = Math.min(entries.length + 1, Math.max(roomy ? 4 : 3, room - wanted));
  return (
    <Box flexDirection="column" height={size.rows} overflow="hidden">
      <Tabs
        active={model.provider}
        tabs={PROVIDERS.map((id, index) => ({
          id,
          title: titles[index] ?? id,
          note: <TabNote tab={model.checks[id]} now={model.now} />,
        }))}
      />
      <Box height={1} flexShrink={0}>
        <Text wrap="truncate-end" tone="muted">
          {`${checksSummary(tab)}${detectedWords(detected, model.provider)}`}
        </Text>
      </Box>
      {remarks.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Line key={index}>{line}</Line>
      ))}
      {entries.length === 0 ? null : (
        <Table
          columns={columns(tab, size.columns)}
          rows={entries}
          rowKey={({ id }) => id}
          selected={at}
          height={listHeight}
        />
      )}
      <Box height={1} flexShrink={0}>
        <Text tone="muted">{inSight(at, entries.length, listHeight - 1)}</Text>
      </Box>
      {selected ? (
        <EntryDetail
          entry={selected}
          applying={tab.applying === selected.id}
          now={model.now}
          width={size.columns}
          height={room - listHeight}
        />
      ) : null}
    </Box>
  );
}
