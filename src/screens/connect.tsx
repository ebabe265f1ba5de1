import { Box } from 'ink';
import type { ReactNode } from 'react';
import { holdsPassword } from '../state/connection-text.ts';
import type { ConnectField, ConnectSide, Model, Probe, ProbedSide } from '../state/model.ts';
import type { ServerReport } from '../state/services.ts';
import { formatBytesShort } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { errorNodes } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { type Symbols, useTheme } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';
import { PROVIDER_TITLES } from './provider-titles.ts';
import { Line, ScrolledLines } from './scrolled-lines.tsx';

const LABEL = 18;

/** What was found, line by line. */
function foundLines(report: ServerReport, width: number, symbol: Symbols): ReactNode[] {
  const dot = ` ${symbol.separator} `;
  const server = [
    /^\d/.test(report.version) ? `PostgreSQL ${report.version}` : report.version,
    report.timescaledb === null ? 'no TimescaleDB' : `TimescaleDB ${report.timescaledb}`,
  ];
  const line = [
    report.tls === null ? 'no TLS' : report.tls,
    `${formatBytesShort(report.bytes)} in ${report.tables} tables`,
    `${report.roundTripMs.toFixed(report.roundTripMs < 10 ? 1 : 0)} ms away`,
  ];
  const lines: ReactNode[] = [
    <Text key="server" wrap="truncate-end">
      <Mark status="pass" />
      <Text bold>{` ${report.address}`}</Text>
      {` as ${report.user}`}
      <Text tone="muted">
        {dot}
        {server.join(dot)}
      </Text>
    </Text>,
    <Text key="size" wrap="truncate-end" tone="muted">{`  ${line.join(dot)}`}</Text>,
  ];
  if (report.provider !== null) {
    lines.push(
      <Text wrap="truncate-end">
        {`  looks like ${PROVIDER_TITLES[report.provider]}`}
        <Text tone="muted">{report.providerEvidence === '' ? '' : `: ${report.providerEvidence}`}</Text>
      </Text>,
    );
  }
  const note = report.providerNote === null ? [] : wrapLines(report.providerNote, width - 4);
  for (const [at, text] of note.entries()) {
    lines.push(
      <Text tone="warn">
        {'  '}
        {at === 0 ? <Mark status="warn" /> : ' '}
        {` ${text}`}
      </Text>,
    );
  }
  return lines;
}

/** What came of the probe of a side. */
function probeLines(probe: Probe, now: number, width: number, symbol: Symbols): ReactNode[] {
  switch (probe.state) {
    case 'empty':
      return [
        <Text key="empty" tone="muted" wrap="truncate-end">
          {'postgres://user@host:5432/database?sslmode=require, or: host=… dbname=…'}
        </Text>,
      ];
    case 'waiting':
      return [
        <Text key="waiting" tone="muted">
          <Mark status="running" now={now} /> connecting
        </Text>,
      ];
    case 'ok':
      return foundLines(probe.report, width, symbol);
    case 'failed':
      return errorNodes(probe.error, width);
    default:
      return probe satisfies never;
  }
}

interface SideProps {
  readonly side: ProbedSide;
  readonly form: ConnectSide;
  readonly focus: ConnectField;
  readonly width: number;
}

function Fields({ side, form, focus, width }: SideProps) {
  const inside = holdsPassword(form.uri.text);
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Field
        label={side === 'source' ? 'Source' : 'Target'}
        labelWidth={LABEL}
        field={form.uri}
        kind="connection"
        focused={focus === `${side}.uri`}
        placeholder={side === 'source' ? 'the database to move' : 'the service on Tiger Cloud'}
        width={width}
      />
      <Field
        label="  password"
        labelWidth={LABEL}
        field={form.password}
        kind="password"
        focused={focus === `${side}.password`}
        placeholder={inside ? 'in the connection string' : 'or PGPASSFILE; shown nowhere, kept nowhere'}
        width={width}
      />
    </Box>
  );
}

/** Lines of both pairs of fields. */
const FIELD_LINES = 4;
/** The heading and the empty lines. */
const GAP_LINES = 3;
const INDENT = 2;

/**
 * Both connection strings, tried while typing rests. All fields are always in sight; where there is too little room for
 * both answers, that of the focused side is shown and scrolls, and of the other one its first line.
 */
export function ConnectScreen({ model, size }: { model: Model; size: Size }) {
  const { symbol } = useTheme();
  const { connect, now, reading } = model;
  const { focus } = connect;
  const width = size.columns - INDENT;
  const answers = {
    source: probeLines(connect.source.probe, now, width, symbol),
    target: probeLines(connect.target.probe, now, width, symbol),
  };
  const room = size.rows - FIELD_LINES;
  const roomy = answers.source.length + answers.target.length + GAP_LINES <= room;
  const here: ProbedSide = focus.startsWith('source') ? 'source' : 'target';
  const side = (name: ProbedSide) => (
    <>
      <Fields side={name} form={connect[name]} focus={focus} width={size.columns} />
      <Box flexDirection="column" flexShrink={0} marginLeft={INDENT} width={width}>
        {roomy || name !== here ? (
          answers[name].slice(0, roomy ? undefined : 1).map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
            <Line key={at}>{line}</Line>
          ))
        ) : (
          <ScrolledLines lines={answers[name]} reading={reading} height={room - 1} width={width} />
        )}
      </Box>
    </>
  );
  return (
    <Box flexDirection="column">
      {roomy ? (
        <>
          <Heading title="Connect" note="both are only looked at until you start the migration" />
          <Gap />
        </>
      ) : null}
      {side('source')}
      {roomy ? <Gap /> : null}
      {side('target')}
    </Box>
  );
}
