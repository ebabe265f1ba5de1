import { displayName } from '../../postgres/identifiers.ts';

interface Named {
  readonly schema: string;
  readonly name: string;
}

/** A chunk for people, by its name on the source: what it is a part of says more than that. Any other table by its name. */
export const describeChunk = (table: Named & { readonly chunkOf?: Named | null }): string =>
  table.chunkOf ? `${displayName(table)} (a chunk of ${displayName(table.chunkOf)})` : displayName(table);

/** What an event says of a chunk: its hypertable. Nothing of any other table. */
export const ofHypertable = ({ chunkOf }: { readonly chunkOf?: Named | null }): { hypertable?: string } =>
  chunkOf ? { hypertable: displayName(chunkOf) } : {};
