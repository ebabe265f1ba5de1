import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What a network does to connections, by name:
 * - `pass`: nothing.
 * - `cut`, `reset`: breaks those that are open, in an orderly way (FIN) or not (RST), then passes.
 * - `blackhole`: takes what is sent, by open connections and by new ones, and answers nothing. Nobody is told: what was
 *   open then stays dead, also afterwards, and the server still holds it.
 * - `refuse`: breaks those that are open, and nobody listens any more.
 * - `latency`: 200 ms each way.
 * - `slow`: what goes to the server takes its time.
 */
export type Fault = 'pass' | 'cut' | 'reset' | 'blackhole' | 'refuse' | 'latency' | 'slow';

const LATENCY_MS = 200;
const SLOW_BYTES_PER_SECOND = 1024 * 1024;

/** One client of the proxy, and what it reaches. */
interface Relayed {
  readonly client: Socket;
  readonly upstream: Socket | null;
  /** What it said first: a session's application_name stands in it. */
  greeting: string;
  dead: boolean;
}

/** A TCP relay in front of a server; a test says what the network between does. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: { readonly host: string; readonly port: number };
  #listener: Server | null = null;
  #port = 0;
  readonly #relayed = new Set<Relayed>();
  #fault: Fault = 'pass';
  #only: RegExp | null = null;
  #swallow: { text: string; passing: number; only: RegExp; done: () => void } | null = null;

  private constructor(server: { readonly host: string; readonly port: number }) {
    this.#server = server;
  }

  static async start(server: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(server);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** A connection string by way of the proxy. */
  uri(direct: string): string {
    const uri = new URL(direct);
    uri.host = `127.0.0.1:${this.#port}`;
    return uri.href;
  }

  /** Connections that are open now and answered. */
  get connections(): number {
    return [...this.#relayed].filter(({ dead }) => !dead).length;
  }

  /** Lets a fault befall all connections, or those whose session has a name that fits, until the next one is injected. */
  async inject(fault: Fault, only: RegExp | null = null): Promise<void> {
    this.#fault = fault;
    this.#only = only;
    const meant = [...this.#relayed].filter((one) => this.#isMeant(one));
    if (fault === 'blackhole') for (const one of meant) one.dead = true;
    if (fault === 'cut') {
      for (const { client, upstream } of meant) {
        client.end();
        upstream?.end();
      }
    }
    if (fault === 'reset' || fault === 'refuse') for (const one of meant) this.#reset(one);
    if (fault === 'refuse') await this.#close();
    else if (!this.#listener) await this.#listen();
  }

  #isMeant({ greeting }: Relayed): boolean {
    return this.#only === null || this.#only.test(greeting);
  }

  /**
   * The next message with this text, of sessions whose name fits and after as many others as may pass, reaches the server; its
   * answer never comes back. Resolves when that has happened.
   */
  swallowAnswerTo(text: string, { passing = 0, only = /^/ } = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#swallow = { text, passing, only, done: resolve };
    });
  }

  /**
   * What a server says as it ends a session, in its place: https://www.postgresql.org/docs/current/protocol-error-fields.html. For
   * sessions whose name fits; only while the server itself says nothing.
   */
  endWithError(only: RegExp, state: string, text: string): void {
    const fields = Buffer.from(`SERROR\0VERROR\0C${state}\0M${text}\0\0`);
    const message = Buffer.alloc(5);
    message.write('E');
    message.writeInt32BE(fields.length + 4, 1);
    for (const one of this.#relayed) {
      if (!only.test(one.greeting)) continue;
      one.dead = true;
      one.client.end(Buffer.concat([message, fields]));
      one.upstream?.destroy();
    }
  }

  /** Breaks every connection for its client; the server is not told. */
  cutClients(): void {
    for (const one of this.#relayed) {
      one.dead = true;
      one.client.destroy();
    }
  }

  async #listen(): Promise<void> {
    const listener = createServer((client) => this.#relay(client));
    listener.listen(this.#port, '127.0.0.1');
    await once(listener, 'listening');
    this.#listener = listener;
    this.#port = (listener.address() as AddressInfo).port;
  }

  async #close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    if (!listener) return;
    // Ends when its connections do.
    listener.close();
    for (const { client } of this.#relayed) client.destroy();
    await once(listener, 'close');
  }

  #reset(one: Relayed): void {
    one.dead = true;
    one.client.resetAndDestroy();
    one.upstream?.destroy();
  }

  #relay(client: Socket): void {
    const swallowed = this.#fault === 'blackhole' && this.#only === null;
    const upstream = swallowed ? null : connect(this.#server);
    const one: Relayed = { client, upstream, greeting: '', dead: swallowed };
    this.#relayed.add(one);
    for (const socket of [client, upstream]) {
      socket?.setNoDelay(true);
      socket?.on('error', () => undefined);
    }
    client.on('close', () => {
      // What the server still holds after a blackhole is ended with the proxy only.
      if (one.dead && upstream && !upstream.destroyed) return;
      this.#relayed.delete(one);
      upstream?.end();
    });
    if (!upstream) {
      client.resume();
      return;
    }
    upstream.on('close', () => {
      this.#relayed.delete(one);
      if (!one.dead) client.destroy();
    });
    let swallowing: (() => void) | null = null;
    const isLost = (): boolean => {
      if (!swallowing) return one.dead;
      client.destroy();
      upstream.destroy();
      swallowing();
      return true;
    };
    const isDead = () => one.dead;
    client.on('data', (bytes) => {
      if (one.greeting === '') {
        one.greeting = bytes.toString('latin1');
        one.dead ||= this.#fault === 'blackhole' && this.#isMeant(one);
      }
      if (this.#swallow?.only.test(one.greeting) && bytes.includes(this.#swallow.text)) {
        this.#swallow.passing -= 1;
        if (this.#swallow.passing < 0) {
          swallowing = this.#swallow.done;
          this.#swallow = null;
        }
      }
    });
    this.#pass(client, upstream, isDead, () => (this.#isMeant(one) ? this.#fault : 'pass'), 'to the server');
    this.#pass(upstream, client, isLost, () => (this.#isMeant(one) ? this.#fault : 'pass'), 'from the server');
  }

  #pass(from: Socket, to: Socket, isLost: () => boolean, fault: () => Fault, way: string): void {
    let delayed = 0;
    const later = (act: () => void, ms: number) => {
      delayed += 1;
      setTimeout(() => {
        delayed -= 1;
        if (!isLost()) act();
      }, ms);
    };
    from.on('data', (bytes) => {
      if (isLost()) return;
      // Nothing overtakes what is on its way.
      if (fault() === 'latency' || delayed > 0) return later(() => to.write(bytes), LATENCY_MS);
      const drained = to.write(bytes);
      if (fault() === 'slow' && way === 'to the server') {
        from.pause();
        setTimeout(() => from.resume(), (bytes.length * 1000) / SLOW_BYTES_PER_SECOND);
      } else if (!drained) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => {
      if (isLost()) return;
      if (delayed > 0) later(() => to.end(), LATENCY_MS);
      else to.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#close();
    for (const { client, upstream } of this.#relayed) {
      client.destroy();
      upstream?.destroy();
    }
    await closed;
  }
}
