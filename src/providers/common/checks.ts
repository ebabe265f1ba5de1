import type { Check } from '../check.ts';
import { clocks, roundTrips } from './clocks.ts';
import { directConnection, encryption, isPrimary } from './connection.ts';
import { freeConnections } from './connections.ts';
import { convertedCharacters } from './converted-characters.ts';
import { convertedDefinitions } from './converted-definitions.ts';
import { convertedValues } from './converted-values.ts';
import { encodings, locales } from './encodings.ts';
import { extensionData } from './extension-data.ts';
import { extensionSchemas } from './extension-schemas.ts';
import { extensionVersions } from './extension-versions.ts';
import { extensions } from './extensions.ts';
import { invalidObjects } from './invalid-objects.ts';
import { notMigrated, ownSchema } from './left-out.ts';
import { oldSnapshotThreshold, replicationSlots, walLevel, walSenders, walSenderTimeout } from './logical-decoding.ts';
import { clientTools, processors } from './machine.ts';
import { orphans } from './orphans.ts';
import { outputPlugin } from './output-plugin.ts';
import { partitionPlacement } from './partition-placement.ts';
import { publicationRight } from './publication-right.ts';
import { readingRight, rowSecurity } from './reading-right.ts';
import { replicaIdentity } from './replica-identity.ts';
import { replicationRight } from './replication-right.ts';
import { differentDatabases } from './same-database.ts';
import { functionLookups, targetSearchPath } from './search-path.ts';
import { serverFunctions } from './server-functions.ts';
import { freezeRight } from './session-rights.ts';
import { sessionSettings } from './session-settings.ts';
import { idleSlotTimeout, slotWalKeepSize } from './slot-retention.ts';
import { inactiveSlots, laggingSlots, openTransactions } from './source-activity.ts';
import { sourceDisk } from './source-disk.ts';
import { allTablesPublications, eventTriggers, largeObjects, leftOut, tablespaces } from './source-objects.ts';
import { publications, subscriptions } from './source-subscriptions.ts';
import { storedValues } from './stored-values.ts';
import { databaseProperties, defaultPrivileges, systemPrivileges } from './target-database.ts';
import { targetEmpty } from './target-empty.ts';
import { replicaRole, targetCreateRight } from './target-rights.ts';
import { roleCreation } from './target-roles.ts';
import { leaveOutNames, targetSchema } from './target-schema.ts';
import { targetDisk, targetSize } from './target-size.ts';
import { targetSuperuserObjects } from './target-superuser-objects.ts';
import { sourceVersion, targetVersion } from './versions.ts';
import { wal2jsonNumbers } from './wal2json.ts';
import { spoolSpace, workDirectory } from './work-directory.ts';
import { changeShare, insertRate } from './workload-fit.ts';

/** In the order in which they are run and shown. */
export const COMMON_CHECKS: readonly Check[] = [
  directConnection('source'),
  encryption('source'),
  sessionSettings('source'),
  serverFunctions('source'),
  sourceVersion,
  isPrimary('source'),
  walLevel,
  replicationSlots,
  walSenders,
  outputPlugin,
  wal2jsonNumbers,
  replicationRight,
  publicationRight,
  readingRight,
  rowSecurity,
  freezeRight,
  replicaIdentity,
  largeObjects,
  openTransactions,
  inactiveSlots,
  laggingSlots,
  oldSnapshotThreshold,
  slotWalKeepSize,
  idleSlotTimeout,
  sourceDisk,
  walSenderTimeout,
  freeConnections('source'),
  leftOut,
  invalidObjects,
  orphans,
  leaveOutNames,
  notMigrated,
  ownSchema('source'),
  subscriptions,
  publications,
  extensionData,
  functionLookups,
  storedValues,
  allTablesPublications,
  eventTriggers,
  tablespaces,
  insertRate,
  changeShare,
  directConnection('target'),
  encryption('target'),
  sessionSettings('target'),
  serverFunctions('target'),
  differentDatabases,
  targetVersion,
  isPrimary('target'),
  ownSchema('target'),
  targetEmpty,
  encodings,
  convertedDefinitions,
  convertedValues,
  convertedCharacters,
  locales,
  partitionPlacement,
  extensions,
  extensionVersions,
  extensionSchemas,
  targetSearchPath,
  targetCreateRight,
  targetSuperuserObjects,
  replicaRole,
  roleCreation,
  targetSchema,
  databaseProperties,
  defaultPrivileges,
  systemPrivileges,
  freeConnections('target'),
  targetSize,
  targetDisk,
  clientTools,
  workDirectory,
  spoolSpace,
  processors,
  roundTrips,
  clocks,
];
