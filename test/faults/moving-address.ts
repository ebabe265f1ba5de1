import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address that leads to one server and later to another, as a name does after a fail-over. */
export class MovingAddress implements AsyncDisposable {
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  #server: Address;

  private constructor(server: Address) {
    this.#server = server;
    this.#listener = createServer((client) => {
      const upstream = connect(this.#server);
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          upstream.destroy();
        });
      }
    });
  }

  static async start(server: Address): Promise<MovingAddress> {
    const address = new MovingAddress(server);
    address.#listener.listen(0, '127.0.0.1');
    await once(address.#listener, 'listening');
    return address;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Breaks all connections; new ones lead to the other server. */
  move(server: Address): void {
    this.#server = server;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
  }
}
