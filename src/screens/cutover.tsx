import { Box } from 'ink';
import type { ReactNode } from 'react';
import { CUTOVER_STEPS, type CutoverStep } from '../engine/events.ts';
import type { Progress } from '../engine/progress.ts';
import { cutoverFields, cutoverFocus } from '../state/focus.ts';
import { hasCutoverForm, openGates } from '../state/gates.ts';
import type { Model } from '../state/model.ts';
import type { Size } from '../terminal/use-size.ts';
import { errorNodes } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark, type Status } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { TypedConfirm } from '../ui/typed-confirm.tsx';
import { wrapLines } from '../ui/wrap.ts';
import { definitionNodes } from './dashboard/trouble.tsx';
import { Line, ScrolledLines } from './scrolled-lines.tsx';

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

/** A condition over as many lines as it needs: what to do about it stands at its end. */
function gateLines(gate: Progress['gates'][number], locks: boolean, width: number): ReactNode[] {
  const harmless = !gate.ok && !locks;
  const detail = harmless ? 'the freeze ends them' : gate.detail;
  const text = detail === '' ? gate.title : `${gate.title}  ${detail}`;
  return wrapLines(text, width - 2).map((line, at) => {
    const title = at === 0 ? line.slice(0, gate.title.length) : '';
    return (
      <Text key={`${gate.id} ${line}`} wrap="truncate-end">
        {at === 0 ? <Mark status={gate.ok ? 'pass' : harmless ? 'info' : 'pending'} /> : ' '}
        {` ${title}`}
        <Text tone="muted">{line.slice(title.length)}</Text>
      </Text>
    );
  });
}

function stepLines(progress: Progress, now: number): ReactNode[] {
  return CUTOVER_STEPS.map((name) => {
    const found = progress.cutover.find((entry) => entry.step === name);
    const status: Status = found ? STEP_STATUS[found.state] : 'pending';
    return (
      <Text key={name} wrap="truncate-end">
        <Mark status={status} now={now} />
        <Text tone={status === 'pending' ? 'muted' : 'plain'}>{` ${STEP_WORDS[name]}`}</Text>
        <Text tone="muted">{found && found.detail !== '' ? `  ${found.detail}` : ''}</Text>
      </Text>
    );
  });
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

/** What the cut-over waits for and does: an error first, then the conditions, then the steps. */
function textLines(model: Model, progress: Progress, width: number): ReactNode[] {
  const running = progress.phase === 'cutover';
  const error = model.cutover.error ?? model.engine.trouble?.error ?? null;
  const open = openGates(progress, model.cutover);
  const gates =
    progress.gates.length === 0
      ? [
          <Text key="looking" tone="muted">
            the engine is looking at the conditions
          </Text>,
        ]
      : progress.gates.flatMap((gate) => gateLines(gate, open.includes(gate), width));
  return [
    ...(error ? errorNodes(error, width) : []),
    ...(running
      ? []
      : [
          ...gates,
          ...definitionNodes(progress.definition_changes, width, model.now, hasCutoverForm(model)),
          <Text key="steps" tone="muted">
            Then, step by step:
          </Text>,
        ]),
    ...stepLines(progress, model.now),
  ];
}

/** The conditions and the steps, which scroll where they don't fit, and the typed confirmation, which is always in sight. */
export function CutoverScreen({ model, size }: { model: Model; size: Size }) {
  const { progress } = model.engine;
  if (!progress) return null;
  const running = progress.phase === 'cutover';
  const hasForm = hasCutoverForm(model);
  const form = hasForm ? cutoverFields(model).length + (model.cutover.busy ? 1 : 0) : 0;
  const lines = textLines(model, progress, size.columns);
  const gaps = lines.length + form + 3 <= size.rows;
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
      {gaps ? <Gap /> : null}
      <ScrolledLines lines={lines} reading={model.reading} height={size.rows - 1 - form} width={size.columns} />
      {hasForm ? (
        <>
          {gaps ? <Gap /> : null}
          <Form model={model} progress={progress} size={size} />
          {model.cutover.busy ? (
            <Line>
              <Text>
                <Mark status="running" now={model.now} /> asking the engine
              </Text>
            </Line>
          ) : null}
        </>
      ) : null}
    </Box>
  );
}
