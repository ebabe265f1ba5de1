import { Box } from 'ink';
import { holdsPassword } from '../state/connection-text.ts';
import type { ConnectField, ConnectSide, Model, Probe, ProbedSide } from '../state/model.ts';
import type { ServerReport } from '../state/services.ts';
import { formatBytesShort } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { PROVIDER_TITLES } from './provider-titles.ts';

const LABEL = 18;

function Found({ report, width }: { report: ServerReport; width: number }) {
  const { symbol } = useTheme();
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
  return (
    <Box flexDirection="column" marginLeft={2} width={width - 2} flexShrink={0}>
      <Text wrap="truncate-end">
        <Mark status="pass" />
        <Text bold>{` ${report.address}`}</Text>
        {` as ${report.user}`}
        <Text tone="muted">
          {dot}
          {server.join(dot)}
        </Text>
      </Text>
      <Text wrap="truncate-end" tone="muted">{`  ${line.join(dot)}`}</Text>
      {report.provider === null ? null : (
        <Text wrap="truncate-end">
          {`  looks like ${PROVIDER_TITLES[report.provider]}`}
          <Text tone="muted">{report.providerEvidence === '' ? '' : `: ${report.providerEvidence}`}</Text>
        </Text>
      )}
      {report.providerNote === null ? null : (
        <Text wrap="truncate-end" tone="warn">
          {'  '}
          <Mark status="warn" />
          {` ${report.providerNote}`}
        </Text>
      )}
    </Box>
  );
}

function ProbeResult({ probe, now, width }: { probe: Probe; now: number; width: number }) {
  switch (probe.state) {
    case 'empty':
      return (
        <Text tone="muted" wrap="truncate-end">
          {'  postgres://user@host:5432/database?sslmode=require, or: host=… dbname=…'}
        </Text>
      );
    case 'waiting':
      return (
        <Box marginLeft={2}>
          <Text tone="muted">
            <Mark status="running" now={now} /> connecting
          </Text>
        </Box>
      );
    case 'ok':
      return <Found report={probe.report} width={width} />;
    case 'failed':
      return <ErrorBlock error={probe.error} indent={2} />;
    default:
      return probe satisfies never;
  }
}

interface SideProps {
  readonly side: ProbedSide;
  readonly form: ConnectSide;
  readonly focus: ConnectField;
  readonly now: number;
  readonly width: number;
}

function Side({ side, form, focus, now, width }: SideProps) {
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
      <ProbeResult probe={form.probe} now={now} width={width} />
    </Box>
  );
}

/** Both connection strings, tried while typing rests. */
export function ConnectScreen({ model, size }: { model: Model; size: Size }) {
  const { connect, now } = model;
  return (
    <Box flexDirection="column">
      <Heading title="Connect" note="both are only looked at until you start the migration" />
      <Gap />
      <Side side="source" form={connect.source} focus={connect.focus} now={now} width={size.columns} />
      <Gap />
      <Side side="target" form={connect.target} focus={connect.focus} now={now} width={size.columns} />
    </Box>
  );
}
