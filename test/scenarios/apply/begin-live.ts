import { dirname } from 'node:path';
import type pg from 'pg';
import { publicationNamesOf } from '../../../src/engine/begin.ts';
import { recordShapes } from '../../../src/engine/ddl/recorded-shapes.ts';
import type { OutputPlugin } from '../../../src/engine/decode/plugin.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { openSpool } from '../../../src/engine/open-spool.ts';
import { setIdentity } from '../../../src/engine/schema/restore.ts';
import { probeReplicaRole, Servers } from '../../../src/engine/servers.ts';
import { readTables } from '../../../src/engine/source/catalog.ts';
import { recordDescriptions } from '../../../src/engine/source/named-tables.ts';
import { assignTables, createPublications } from '../../../src/engine/source/publications.ts';
import { createSlot } from '../../../src/engine/source/slot.ts';
import { createProgressSchema } from '../../../src/engine/target/progress-schema.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { markCopied, migrationRow } from './copied-tables.ts';
import type { ReplayOptions } from './replay-options.ts';

/** Both servers as they are, and by way of the proxies if there are any. */
export function serversOf(
  databases: TestDatabases,
  options: ReplayOptions,
  id: string,
): { servers: Servers; proxied: Servers } {
  const source = parseConnectionString(databases.source.uri, {});
  const target = parseConnectionString(databases.target.uri, {});
  const { signal } = new AbortController();
  const servers = new Servers({ source, target, id, signal });
  const proxied = new Servers({
    source: { ...source, port: options.receiverPort ?? source.port },
    target: { ...target, port: options.applierPort ?? target.port },
    id,
    signal,
    liveness: options.liveness,
  });
  return { servers, proxied };
}

/** Publications, slot, and our schema on the target, which says that all tables are copied at the slot's position. */
export async function beginLive(of: {
  id: string;
  slot: string;
  plugin: OutputPlugin;
  control: pg.Client;
  servers: Servers;
  proxied: Servers;
}): Promise<void> {
  const { id, slot, plugin, control, servers } = of;
  const tables = await readTables(control);
  const names = publicationNamesOf(id);
  if (plugin.usesPublications) {
    const assigned = assignTables(tables, () => true);
    await createPublications(control, names, assigned, 5_000);
  }
  const replication = await servers.replication('slot');
  const point = await createSlot(replication, slot, plugin.name, false);
  servers.destroy(replication);
  const client = await servers.onTarget('begin');
  try {
    servers.replicaRole = await probeReplicaRole(client);
    of.proxied.replicaRole = servers.replicaRole;
    await createProgressSchema(client, migrationRow(id, slot, [names.all, names.inserts]), point.lsn);
    await setIdentity(client, await readTables(client), 'BY DEFAULT');
    await markCopied(client, tables, point.lsn);
    const oids = tables.map(({ oid }) => oid);
    await recordShapes(control, client, oids);
    if (!plugin.usesPublications) await recordDescriptions(control, client, oids);
  } finally {
    servers.destroy(client);
  }
}

/** Opens the spool, and closes it, as an engine that resumes would. Rejects when changes are missing. */
export async function openSpoolAgain(of: {
  spoolDirectory: string;
  slot: string;
  publications: readonly string[];
  plugin: OutputPlugin;
  servers: Servers;
  source: pg.Client;
}): Promise<void> {
  const { slot, publications, plugin, servers, source } = of;
  const engine = {
    input: { workDirectory: dirname(of.spoolDirectory), emit: () => undefined, resume: true },
    migration: { id: '', slot, publications, binaryStream: false },
    plugin,
    servers,
    source,
    target: await servers.onTarget('look'),
  } as unknown as Engine;
  const opened = openSpool(engine, false, new AbortController().signal);
  await opened.then(({ spool }) => spool.close()).finally(() => servers.destroy(engine.target));
}
