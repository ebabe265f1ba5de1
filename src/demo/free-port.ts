import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the range that Linux and macOS give to outgoing connections: none of those can then take the port while the
// server is down for a restart.
const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS = 100;

/** A TCP port that nobody listens on at this moment. Rejects with the last error when a hundred were refused. */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const probe = createServer();
    try {
      probe.listen({ host, port });
      await once(probe, 'listening');
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
