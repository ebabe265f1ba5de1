import type { Check } from '../check.ts';
import { directConnection, encryption, isPrimary } from './connection.ts';
import { freeConnections } from './connections.ts';
import { encodings, locales } from './encodings.ts';
import { extensions } from './extensions.ts';
import { replicationSlots, slotWalKeepSize, walLevel, walSenders, walSenderTimeout } from './logical-decoding.ts';
import { clientTools, processors, workDirectory } from './machine.ts';
import { publicationRight } from './publication-right.ts';
import { readingRight, rowSecurity } from './reading-right.ts';
import { replicaIdentity } from './replica-identity.ts';
import { replicationRight } from './replication-right.ts';
import { differentDatabases } from './same-database.ts';
import { freezeRight } from './session-rights.ts';
import { inactiveSlots, openTransactions } from './source-activity.ts';
import { allTablesPublications, eventTriggers, largeObjects, leftOut, tablespaces } from './source-objects.ts';
import { targetEmpty } from './target-empty.ts';
import { replicaRole, roleCreation, targetCreateRight } from './target-rights.ts';
import { sourceVersion, targetVersion } from './versions.ts';

/** In the order in which they are run and shown. */
export const COMMON_CHECKS: readonly Check[] = [
  directConnection('source'),
  encryption('source'),
  sourceVersion,
  isPrimary('source'),
  walLevel,
  replicationSlots,
  walSenders,
  replicationRight,
  publicationRight,
  readingRight,
  rowSecurity,
  freezeRight,
  replicaIdentity,
  largeObjects,
  openTransactions,
  inactiveSlots,
  slotWalKeepSize,
  walSenderTimeout,
  freeConnections('source'),
  leftOut,
  allTablesPublications,
  eventTriggers,
  tablespaces,
  directConnection('target'),
  encryption('target'),
  differentDatabases,
  targetVersion,
  isPrimary('target'),
  targetEmpty,
  encodings,
  locales,
  extensions,
  targetCreateRight,
  replicaRole,
  roleCreation,
  freeConnections('target'),
  clientTools,
  workDirectory,
  processors,
];
