import { render } from 'ink';
import { WizardScreen } from '../../src/screens/wizard.tsx';
import type { Model } from '../../src/state/model.ts';
import { createScreenWriter } from '../../src/terminal/screen-writer.ts';
import { useSize } from '../../src/terminal/use-size.ts';
import { createTheme, ThemeContext } from '../../src/ui/theme.ts';
import { VirtualTerminal } from './virtual-terminal.ts';

const Screen = ({ model }: { model: Model }) => <WizardScreen model={model} size={useSize()} />;

/** One model as the frame that a terminal of this size shows, drawn by Ink and the screen writer. */
export async function draw(
  model: Model,
  size: { columns: number; rows: number },
  env: Record<string, string> = { LANG: 'C.UTF-8' },
): Promise<VirtualTerminal> {
  const terminal = new VirtualTerminal(size.columns, size.rows);
  const theme = createTheme(env);
  const writer = createScreenWriter(terminal, { translate: theme.translate });
  const ink = render(
    <ThemeContext.Provider value={theme}>
      <Screen model={model} />
    </ThemeContext.Provider>,
    { stdout: writer.stdout, debug: true, patchConsole: false, exitOnCtrlC: false },
  );
  writer.flush();
  writer.close();
  ink.unmount();
  await new Promise<void>((resolve) => terminal.xterm.write('', resolve));
  return terminal;
}
