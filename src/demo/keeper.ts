import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Sees to it that a server and its directory do not outlive this process, however it ends: by `process.exit`, by a
 * signal, even by SIGKILL. It is a shell that reads a pipe from us; the end of the pipe means that we are gone.
 *
 * That is why nothing here installs signal handlers: they would miss SIGKILL, and get in the way of the terminal's own.
 */
export interface Keeper {
  /** Names the process to end with us; null when it has ended by itself. */
  watch(pid: number | null): void;
  /** Ends what is watched, removes the directory and resolves when both are gone. */
  release(): Promise<void>;
}

// SIGQUIT is PostgreSQL's immediate shutdown: https://www.postgresql.org/docs/current/server-shutdown.html
const SCRIPT = `
trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -QUIT "$pid"
  tries=0
  while kill -0 "$pid" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$pid"
fi 2>/dev/null
rm -rf -- "$1"
`;

/** Starts a keeper for a server that will live in `directory`. */
export function startKeeper(directory: string): Keeper {
  // In a session of its own, so that Ctrl-C at the terminal does not reach it.
  const shell: ChildProcess = spawn('/bin/sh', ['-c', SCRIPT, 'tiger-migrate-keeper', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  const exited = once(shell, 'exit');
  exited.catch(() => undefined);
  shell.stdin?.on('error', () => undefined);
  return {
    watch: (pid) => void shell.stdin?.write(`${pid ?? ''}\n`),
    async release() {
      shell.stdin?.end();
      await exited;
    },
  };
}
