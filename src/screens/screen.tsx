import type { Model } from '../state/model.ts';
import type { Size } from '../terminal/use-size.ts';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { ChecksScreen } from './checks.tsx';
import { ConnectScreen } from './connect.tsx';
import { CutoverScreen } from './cutover.tsx';
import { DashboardScreen } from './dashboard/dashboard.tsx';
import { DoneScreen } from './done.tsx';
import { FailedScreen } from './failed.tsx';
import { HypertablesScreen } from './hypertables.tsx';
import { IdentityScreen } from './identity.tsx';
import { QuestionPanel, StopPanel } from './overlays/dialogs.tsx';
import { ReaderPanel } from './overlays/readers.tsx';
import { PlanScreen } from './plan.tsx';
import { ResumeScreen } from './resume.tsx';

/** The body: an overlay when one is open, else the screen. */
export function ScreenBody({ model, size, terminal }: { model: Model; size: Size; terminal: Size }) {
  const { overlay } = model;
  if (overlay) {
    const { reading, now } = model;
    if (overlay.kind === 'question') return <QuestionPanel overlay={overlay} reading={reading} size={size} />;
    if (overlay.kind === 'stop') {
      const atEnd = model.screen === 'done';
      return <StopPanel {...{ overlay, reading, atEnd, isDemo: model.isDemo, size, now }} />;
    }
    return <ReaderPanel model={model} overlay={overlay} size={size} />;
  }
  switch (model.screen) {
    case 'opening':
      return (
        <Text>
          <Mark status="running" now={model.now} />
          {model.engine.state === 'starting' ? ' attaching to the engine' : ' looking for a migration'}
        </Text>
      );
    case 'resume':
      return <ResumeScreen model={model} size={size} />;
    case 'connect':
      return <ConnectScreen model={model} size={size} />;
    case 'checks':
      return <ChecksScreen model={model} size={size} />;
    case 'identity':
      return <IdentityScreen model={model} size={size} />;
    case 'hypertables':
      return <HypertablesScreen model={model} size={size} />;
    case 'plan':
      return <PlanScreen model={model} size={size} />;
    case 'dashboard':
      return <DashboardScreen model={model} size={size} terminal={terminal} />;
    case 'cutover':
      return <CutoverScreen model={model} size={size} />;
    case 'done':
      return <DoneScreen model={model} size={size} />;
    case 'failed':
      return <FailedScreen model={model} size={size} />;
    default:
      return model.screen satisfies never;
  }
}
