import { isCompressing } from '../state/compression.ts';
import type { Model } from '../state/model.ts';
import { railStep } from '../state/steps-of-rail.ts';
import type { Size } from '../terminal/use-size.ts';
import { Footer } from '../ui/footer.tsx';
import { bodySize, Frame, noticeLines } from '../ui/frame.tsx';
import { tablesFor } from '../ui/keys/tables.ts';
import type { Status } from '../ui/status.tsx';
import { PHASE_WORDS } from './dashboard/phase-words.ts';
import { ScreenBody } from './screen.tsx';

interface Title {
  readonly source: string;
  readonly target: string;
  readonly state: string;
  readonly status: Status;
}

/** Who moves where, and what the engine is doing: the title line. */
export function titleOf(model: Model): Title {
  const { progress, state, readonly } = model.engine;
  if (progress && model.screen !== 'connect' && model.screen !== 'resume') {
    const watching = readonly || model.watch ? ', watching' : '';
    const at = { source: progress.source, target: progress.target };
    if (progress.phase === 'done')
      return { ...at, state: isCompressing(model) ? 'done, compressing' : 'done', status: 'pass' };
    if (progress.phase === 'failed') return { ...at, state: 'failed', status: 'fail' };
    if (state === 'closed') return { ...at, state: 'engine not connected', status: 'fail' };
    return { ...at, state: `${PHASE_WORDS[progress.phase]}${watching}`, status: 'running' };
  }
  if (model.screen === 'resume' && model.existing) {
    const { source, target } = model.existing.progress;
    return { source, target, state: state === 'starting' ? 'starting the engine' : 'stopped', status: 'info' };
  }
  if (state === 'starting') return { source: '', target: '', state: 'starting the engine', status: 'running' };
  const { source, target } = model.connect;
  const found = source.probe.state === 'ok' && target.probe.state === 'ok' && model.screen !== 'connect';
  return {
    source: found && source.probe.state === 'ok' ? source.probe.report.address : '',
    target: found && target.probe.state === 'ok' ? target.probe.report.address : '',
    state: 'not started',
    status: 'info',
  };
}

/** The whole picture: a model and a size in, a frame out. */
export function WizardScreen({ model, size }: { model: Model; size: Size }) {
  const title = titleOf(model);
  return (
    <Frame
      size={size}
      source={title.source}
      target={title.target}
      state={title.state}
      stateStatus={title.status}
      now={model.now}
      step={railStep(model)}
      ended={model.screen === 'done'}
      notice={model.notice}
      footer={<Footer model={model} tables={tablesFor(model)} width={size.columns - 2} />}
    >
      <ScreenBody model={model} size={bodySize(size, noticeLines(model.notice, size).length)} terminal={size} />
    </Frame>
  );
}
