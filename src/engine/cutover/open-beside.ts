import type pg from 'pg';
import type { Engine } from '../engine.ts';
import type { Resources } from '../resources.ts';

/** Opens sessions for work beside replay. They end with `sessions`, and at once when the signal aborts; then it rejects. */
export async function openBeside(
  { servers }: Pick<Engine, 'servers'>,
  application: string,
  sessions: Resources,
  signal: AbortSignal,
): Promise<{ readonly source: pg.Client; readonly target: pg.Client }> {
  const open = async (connect: (application: string) => Promise<pg.Client>) => {
    const client = await connect(application);
    const stop = () => servers.destroy(client);
    sessions.defer(stop);
    signal.addEventListener('abort', stop, { once: true });
    signal.throwIfAborted();
    return client;
  };
  return { source: await open(servers.onSource), target: await open(servers.onTarget) };
}
