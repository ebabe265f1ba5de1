import { Box } from 'ink';
import { CUTOVER_STEPS, type CutoverStep } from '../engine/events.ts';
import type { Progress } from '../engine/progress.ts';
import { cutoverFocus } from '../state/focus.ts';
import { cutoverOpenLock, openGates } from '../state/gates.ts';
import type { Model } from '../state/model.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark, type Status } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { TypedConfirm } from '../ui/typed-confirm.tsx';
import { Definitions } from './dashboard/health.tsx';

const LABEL = 22;

const STEP_WORDS: Record<CutoverStep, string> = {
  fence: 'fence: no writes on the source any more',
  drain: 'drain: apply what is left',
  sequences: 'sequences: set them on the target',
  objects: 'objects: constraints, triggers, jobs, views',
  verify: 'verify: sequences, indexes, nothing written since the fence',
  report: 'report: write down what was done',
};
const STEP_STATUS = { running: 'running', done: 'pass', failed: 'fail' } as const;

function GateLine({ gate, locks }: { gate: Progress['gates'][number]; locks: boolean }) {
  const harmless = !gate.ok && !locks;
  const detail = harmless ? 'the freeze ends them' : gate.detail;
  return (
    <Box height={1} flexShrink={0}>
      <Text wrap="truncate-end">
        <Mark status={gate.ok ? 'pass' : harmless ? 'info' : 'pending'} />
        {` ${gate.title}`}
        <Text tone="muted">{detail === '' ? '' : `  ${detail}`}</Text>
      </Text>
    </Box>
  );
}

function Gates({ gates, open }: { gates: Progress['gates']; open: Progress['gates'] }) {
  if (gates.length === 0) return <Text tone="muted">the engine is looking at the conditions</Text>;
  return (
    <Box flexDirection="column" flexShrink={0}>
      {gates.map((gate) => (
        <GateLine key={gate.id} gate={gate} locks={open.includes(gate)} />
      ))}
    </Box>
  );
}

function Steps({ progress, now }: { progress: Progress; now: number }) {
  return (
    <Box flexDirection="column" flexShrink={0}>
      {CUTOVER_STEPS.map((name) => {
        const found = progress.cutover.find((entry) => entry.step === name);
        const status: Status = found ? STEP_STATUS[found.state] : 'pending';
        return (
          <Box key={name} height={1} flexShrink={0}>
            <Text wrap="truncate-end">
              <Mark status={status} now={now} />
              <Text tone={status === 'pending' ? 'muted' : 'plain'}>{` ${STEP_WORDS[name]}`}</Text>
              <Text tone="muted">{found && found.detail !== '' ? `  ${found.detail}` : ''}</Text>
            </Text>
          </Box>
        );
      })}
    </Box>
  );
}

function Freeze({ on, focused }: { on: boolean; focused: boolean }) {
  const { symbol } = useTheme();
  return (
    <Box height={1} flexShrink={0}>
      <Box width={2} flexShrink={0}>
        <Text tone="accent">{focused ? symbol.here : ' '}</Text>
      </Box>
      <Box width={LABEL} flexShrink={0}>
        <Text bold={focused}>freeze the source</Text>
      </Box>
      <Text wrap="truncate-end">
        {on ? '[x] yes' : '[ ] no'}
        <Text tone="muted">
          {on ? '  read-only, its writers are disconnected' : '  you have stopped the application yourself'}
        </Text>
      </Text>
    </Box>
  );
}

function Form({ model, progress, size }: { model: Model; progress: Progress; size: Size }) {
  const form = model.cutover;
  const focus = cutoverFocus(model);
  const open = openGates(progress, form).length > 0;
  return (
    <>
      <TypedConfirm
        label="target database"
        labelWidth={LABEL}
        word={progress.target_database}
        field={form.confirm}
        focused={focus === 'confirm'}
        width={size.columns}
      />
      <Freeze on={form.freezeSource} focused={focus === 'freeze'} />
      {open ? (
        <Field
          label="override, because"
          labelWidth={LABEL}
          field={form.override}
          focused={focus === 'override'}
          placeholder="a reason, which goes to the log; else wait for the conditions"
          width={size.columns}
        />
      ) : null}
    </>
  );
}

/** The conditions, the typed confirmation, and then the steps, each on its line. */
export function CutoverScreen({ model, size }: { model: Model; size: Size }) {
  const { progress, trouble } = model.engine;
  if (!progress) return null;
  const running = progress.phase === 'cutover';
  const steps = running || progress.cutover.length > 0 || size.rows >= 18;
  const error = model.cutover.error ?? trouble?.error ?? null;
  const readonly = cutoverOpenLock(model) !== null;
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading
        title="Cut over"
        note={
          running
            ? 'each step is safe to run again'
            : 'writes stop, the rest is applied, the target becomes the database'
        }
      />
      {size.rows > 14 ? <Gap /> : null}
      {running ? null : <Gates gates={progress.gates} open={openGates(progress, model.cutover)} />}
      {running ? null : <Definitions changes={progress.definition_changes} />}
      {running || readonly ? null : (
        <>
          {size.rows > 12 ? <Gap /> : null}
          <Form model={model} progress={progress} size={size} />
          {model.cutover.busy ? (
            <Text>
              <Mark status="running" now={model.now} /> asking the engine
            </Text>
          ) : null}
        </>
      )}
      {steps ? (
        <>
          {running ? null : <Gap />}
          <Steps progress={progress} now={model.now} />
        </>
      ) : null}
      {error ? (
        <>
          <Gap />
          <ErrorBlock error={error} />
        </>
      ) : null}
    </Box>
  );
}
