import type { ReactNode } from 'react';
import { nextSteps } from '../engine/next-steps.ts';
import { passwordSteps } from '../engine/roles/password-step.ts';
import { troubleReason } from '../engine/troubles.ts';
import { type CompressionView, compressionOf } from '../state/compression.ts';
import type { Model } from '../state/model.ts';
import { formatBytesShort, formatMs, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ProgressBar } from '../ui/progress-bar.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';
import { ScrolledLines } from './scrolled-lines.tsx';

const BAR = 50;
/** Below, nothing is set off by an empty line. */
const ROOMY = 15;

/** The end: what was moved, how long nobody could write, what goes on, what to do next; it scrolls where it does not fit. */
export function DoneScreen({ model, size }: { model: Model; size: Size }) {
  const { symbol } = useTheme();
  const { progress } = model.engine;
  const downtime = progress?.downtime_ms ?? null;
  const roomy = size.rows > ROOMY;
  const lines: ReactNode[] = [
    <Text key="end" bold tone="ok">
      <Mark status="pass" /> Migration successfully completed
    </Text>,
  ];
  if (roomy) lines.push(' ');
  if (downtime !== null) lines.push(<Downtime ms={downtime} />);
  lines.push(...(progress?.summary ?? []).flatMap((line) => wrapLines(line, size.columns)));
  const compression = compressionOf(model);
  if (compression) lines.push(...compressionLines(compression, model, size));
  if (progress && progress.warnings.length > 0) lines.push(<Warnings count={progress.warnings.length} />);
  const steps = [
    ...passwordSteps(progress?.roles_without_password ?? []),
    ...nextSteps(progress?.source_read_only ?? null, 'u or clean --unfreeze'),
  ];
  const next = steps.flatMap((line) => wrapLines(`${symbol.pending} ${line}`, size.columns));
  if (roomy) lines.push(' ');
  lines.push(<Text bold>Next</Text>, ...next);
  return <ScrolledLines lines={lines} reading={model.reading} height={size.rows} width={size.columns} />;
}

const Downtime = ({ ms }: { ms: number }) => (
  <Text wrap="truncate-end">
    <Text tone="muted">{'downtime  '}</Text>
    <Text bold>{formatMs(ms)}</Text>
    <Text tone="muted"> from the fence to the end of the last step</Text>
  </Text>
);

const Warnings = ({ count }: { count: number }) => (
  <Text tone="warn">
    <Mark status="warn" />
    {` ${formatNumberOf(count, 'warning')}: w shows them`}
  </Text>
);

const WORDS = { running: 'compressing', stopped: 'compression has stopped:', done: 'compressed' } as const;

/** Old chunks are compressed after the end, which nobody need wait for. */
function compressionLines(compression: CompressionView, model: Model, size: Size): ReactNode[] {
  const {
    now,
    relation,
    chunks_held: held,
    chunks_done: done,
    chunks_total: total,
    bytes_before: before,
    bytes_after: after,
  } = compression;
  const sizes = before === 0 ? '' : `  ${formatBytesShort(before)} before, ${formatBytesShort(after)} now`;
  const status = ({ running: 'running', stopped: 'warn', done: 'pass' } as const)[now];
  const lines: ReactNode[] = [
    <Text key="how far" wrap="truncate-end">
      <Mark status={status} now={model.now} />
      {` ${WORDS[now]} ${done} of ${formatNumberOf(total, 'chunk')}`}
      <Text tone="muted">{sizes}</Text>
    </Text>,
  ];
  const muted = (text: string) => (
    <Text key={text} tone="muted" wrap="truncate-end">
      {text}
    </Text>
  );
  if (now === 'stopped') lines.push(muted('r goes on with it, or the policies of the target do.'));
  if (now !== 'running') return lines;
  if (size.rows > ROOMY) {
    lines.push(<ProgressBar key="share" share={done / total} width={Math.min(size.columns, BAR)} />);
    if (relation !== null) lines.push(muted(`now a chunk of ${relation}`));
    else if (held > 0) lines.push(muted(`waiting for ${formatNumberOf(held, 'chunk')} that others hold`));
  }
  const trouble = model.engine.progress?.troubles[0];
  if (trouble) {
    lines.push(
      <Text key="trouble" tone="warn" wrap="truncate-end">
        <Mark status="warn" />
        {` ${troubleReason(trouble)}`}
      </Text>,
    );
  } else lines.push(muted('it goes on without this screen: q leaves'));
  return lines;
}
