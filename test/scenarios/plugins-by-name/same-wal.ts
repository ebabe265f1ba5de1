import pg from 'pg';
import type { Change } from '../../../src/engine/decode/change.ts';
import { NamedTables } from '../../../src/engine/decode/named-tables.ts';
import { pgoutput } from '../../../src/engine/decode/pgoutput.ts';
import { type OutputPlugin, pluginNamed } from '../../../src/engine/decode/plugin.ts';
import { ReplicationStream } from '../../../src/engine/source/replication-stream.ts';
import { createSlot, dropSlot } from '../../../src/engine/source/slot.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { INVALID_LSN, type Lsn, parseLsn } from '../../../src/postgres/lsn.ts';
import { until } from '../../support/wait.ts';

/** PostgreSQL 12 and 13 send pgoutput without messages. */
const plain: OutputPlugin = {
  ...pgoutput,
  parameters: (of) => pgoutput.parameters(of).filter((parameter) => !parameter.startsWith('messages')),
};

export interface Transaction {
  readonly xid: number;
  readonly commit: Lsn;
  readonly end: Lsn;
}

/** A plugin that tells tables by name. */
export type ByName = 'test_decoding' | 'wal2json';

/** A database with a published table `t`, and slots that see the same WAL, one of pgoutput and one for each other plugin. */
export class SameWal implements AsyncDisposable {
  readonly writer: pg.Client;
  readonly #uri: string;
  readonly #name: string;
  readonly #plugins: readonly OutputPlugin[];

  private constructor(uri: string, name: string, writer: pg.Client, plugins: readonly OutputPlugin[]) {
    this.#uri = uri;
    this.#name = name;
    this.writer = writer;
    this.#plugins = plugins;
  }

  static async create(uri: string, name: string, others: readonly ByName[]): Promise<SameWal> {
    const writer = new pg.Client({ connectionString: uri });
    await writer.connect();
    await writer.query(`CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION ${name} FOR TABLE t`);
    const plugins = [pgoutput, ...others.map(pluginNamed)];
    const slots = new SameWal(uri, name, writer, plugins);
    for (const plugin of plugins) {
      const client = await slots.#replication();
      await createSlot(client, `${name}_${plugin.name}`, plugin.name, false);
      destroy(client);
    }
    return slots;
  }

  connect(): pg.Client {
    return new pg.Client({ connectionString: this.#uri });
  }

  #replication(): Promise<pg.Client> {
    const settings = parseConnectionString(this.#uri, {});
    return connect(settings, { side: 'source', application: 'positions', replication: 'database' });
  }

  /** Everything in the slot of a plugin from a position up to now, undecoded; nothing is confirmed. */
  async records(plugin: OutputPlugin, start: Lsn = INVALID_LSN): Promise<Buffer[]> {
    const { rows } = await this.writer
      .query<{ lsn: string }>(
        `INSERT INTO t VALUES (-1, 'end'); DELETE FROM t WHERE id = -1; SELECT pg_current_wal_insert_lsn() AS lsn`,
      )
      .then((results) => (results as unknown as pg.QueryResult<{ lsn: string }>[])[2] ?? { rows: [] });
    const to = parseLsn(rows[0]?.lsn ?? '');
    const records: Buffer[] = [];
    let committed: Lsn = INVALID_LSN;
    const client = await this.#replication();
    const { stream } = await ReplicationStream.start(
      client,
      { slot: `${this.#name}_${plugin.name}`, plugin, publications: [this.#name], start, binary: false },
      {
        onMessage: (message) => {
          records.push(Buffer.from(message));
          committed = plugin.commitEndOf(message) ?? committed;
        },
        onKeepalive: () => undefined,
      },
    );
    try {
      await until(() => committed >= to, { what: 'the stream' });
    } finally {
      stream.close();
      destroy(client);
    }
    return records;
  }

  /** The same, decoded; of a plugin that tells tables by name everything but rows. */
  async changes(which: 'pgoutput' | ByName, start: Lsn = INVALID_LSN): Promise<Change[]> {
    const plugin = which === 'pgoutput' ? plain : pluginNamed(which);
    const ignored = new NamedTables([]);
    ignored.ignore({ schema: 'public', name: 't' });
    const decode = plugin.decoder(ignored);
    return (await this.records(plugin, start)).flatMap((record) => decode(record));
  }

  async transactions(which: 'pgoutput' | ByName, start: Lsn = INVALID_LSN): Promise<Transaction[]> {
    const found: Transaction[] = [];
    let xid = 0;
    for (const change of await this.changes(which, start)) {
      if (change.kind === 'begin') xid = change.xid ?? 0;
      if (change.kind === 'commit') found.push({ xid, commit: change.commitLsn, end: change.endLsn });
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const plugin of this.#plugins) await dropSlot(this.writer, `${this.#name}_${plugin.name}`);
    await this.writer.end();
  }
}
