import { render } from 'ink';
import { type Drawn, DrawnContext } from '../../src/screens/overlays/scroll.ts';
import { WizardScreen } from '../../src/screens/wizard.tsx';
import type { Model } from '../../src/state/model.ts';
import { update } from '../../src/state/update.ts';
import { createScreenWriter } from '../../src/terminal/screen-writer.ts';
import { useSize } from '../../src/terminal/use-size.ts';
import { messageFor } from '../../src/ui/key-table.ts';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { createTheme, ThemeContext } from '../../src/ui/theme.ts';
import { VirtualTerminal } from './virtual-terminal.ts';

const Screen = ({ model }: { model: Model }) => <WizardScreen model={model} size={useSize()} />;

/** One model as the frame that a terminal of this size shows, drawn by Ink and the screen writer. */
export async function draw(
  model: Model,
  size: { columns: number; rows: number },
  env: Record<string, string> = { LANG: 'C.UTF-8' },
  onDrawn: (drawn: Drawn) => void = () => undefined,
): Promise<VirtualTerminal> {
  const terminal = new VirtualTerminal(size.columns, size.rows);
  const theme = createTheme(env);
  const writer = createScreenWriter(terminal, { translate: theme.translate });
  const ink = render(
    <ThemeContext.Provider value={theme}>
      <DrawnContext.Provider value={onDrawn}>
        <Screen model={model} />
      </DrawnContext.Provider>
    </ThemeContext.Provider>,
    { stdout: writer.stdout, debug: true, patchConsole: false, exitOnCtrlC: false },
  );
  writer.flush();
  writer.close();
  ink.unmount();
  await new Promise<void>((resolve) => terminal.xterm.write('', resolve));
  return terminal;
}

export interface Looked {
  /** The model that has been told what was drawn. */
  readonly model: Model;
  readonly text: string;
}

/** Draws a model, and tells it what is in sight as the wizard does. */
export async function look(
  model: Model,
  size: { columns: number; rows: number },
  env?: Record<string, string>,
): Promise<Looked> {
  let next = model;
  const terminal = await draw(model, size, env, (drawn) => {
    next = update(next, { type: 'drawn', ...drawn }).model;
  });
  return { model: next, text: terminal.text() };
}

/** A key pressed on a model that is in sight, and the model drawn again. */
export async function pressed(
  { model }: Looked,
  key: string,
  size: { columns: number; rows: number },
  env?: Record<string, string>,
): Promise<Looked> {
  const text = [...key].length === 1 ? key : key === 'space' ? ' ' : null;
  const message = messageFor({ key, text }, model, tablesFor(model));
  return look(message ? update(model, message).model : model, size, env);
}
