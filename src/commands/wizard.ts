import { runWizard, type WizardPrefill } from '../app.tsx';
import { prepareWorkDirectory } from '../engine/process/work-directory.ts';
import type { CommandContext } from './context.ts';
import { wizardServices } from './wizard-services.ts';

export interface WizardCommandOptions {
  readonly prefill?: WizardPrefill;
  /** Attach to look only. */
  readonly watch?: boolean;
  /** Throw-away servers, which end with the screen. */
  readonly isDemo?: boolean;
}

/** The wizard on this terminal; gives its exit code. Throws TM1001 without a terminal. */
export async function wizard(context: CommandContext, options: WizardCommandOptions): Promise<number> {
  await prepareWorkDirectory(context.directory, true);
  const comeBack = `tiger-migrate-tui${context.flags.dir ? ` --dir ${context.directory}` : ''}`;
  return runWizard(wizardServices(context), {
    stdin: process.stdin,
    stdout: process.stdout,
    env: context.env,
    watch: options.watch ?? false,
    isDemo: options.isDemo ?? false,
    comeBack,
    // Named by the operator: no guess at the server turns it back.
    prefill: { provider: context.flags.provider, ...options.prefill },
  });
}
