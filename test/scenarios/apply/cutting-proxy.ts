import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay in front of a server that breaks a connection at the very moment that a test asks for. */
export class CuttingProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  #swallow: { text: string; done: () => void } | null = null;

  private constructor(server: { readonly host: string; readonly port: number }) {
    this.#listener = createServer((client) => this.#relay(client, connect(server)));
  }

  static async start(server: { readonly host: string; readonly port: number }): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(server);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** The next message with this text reaches the server; its answer never comes back. Resolves when that has happened. */
  swallowAnswerTo(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#swallow = { text, done: resolve };
    });
  }

  /** Breaks every connection for its client; the server is not told. */
  cutClients(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #relay(client: Socket, upstream: Socket): void {
    let swallowing: (() => void) | null = null;
    this.#sockets.add(client);
    client.on('data', (bytes) => {
      if (this.#swallow && bytes.includes(this.#swallow.text)) {
        swallowing = this.#swallow.done;
        this.#swallow = null;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!swallowing) client.write(bytes);
      else {
        client.destroy();
        upstream.destroy();
        swallowing();
      }
    });
    client.on('end', () => upstream.end());
    upstream.on('close', () => client.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    this.#listener.once('close', () => upstream.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutClients();
    this.#listener.close();
    await once(this.#listener, 'close');
  }
}
