/** The roles that a provider makes for itself on its own servers, by their whole names. */
interface ProviderRoles {
  readonly provider: string;
  /** Where one of these is, and our role is no superuser (no provider gives that), the server is the provider's. */
  readonly signs: readonly string[];
  readonly roles: readonly string[];
}

/**
 * From the providers' manuals and from `SELECT rolname FROM pg_roles` on their servers. A role that is not in here is the
 * operator's, whatever its name begins with.
 */
const PROVIDERS: readonly ProviderRoles[] = [
  {
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
    provider: 'Amazon RDS',
    signs: ['rdsadmin', 'rds_superuser', 'rds_replication'],
    roles: [
      ...['rdsadmin', 'rds_superuser', 'rds_replication', 'rds_iam', 'rds_password', 'rds_ad', 'rds_extension'],
      ...['rds_reserved', 'rdsrepladmin', 'rdsproxyadmin', 'rdstopmgr', 'rdswriteforwarduser', 'rds_activity_stream'],
    ],
  },
  {
    // https://aiven.io/docs/products/postgresql/reference/high-availability: avnadmin is the service's administrator.
    provider: 'Aiven',
    signs: ['_aiven', 'avnadmin'],
    roles: ['_aiven', 'avnadmin', 'tsdbadmin'],
  },
  {
    // https://docs.digitalocean.com/products/databases/postgresql/how-to/manage-users-and-databases/
    provider: 'DigitalOcean',
    signs: ['doadmin'],
    roles: ['doadmin', '_doadmin_managed', '_doadmin_monitor', '_dodb'],
  },
  {
    // https://cloud.google.com/sql/docs/postgres/users
    provider: 'Google Cloud SQL',
    signs: ['cloudsqladmin', 'cloudsqlsuperuser'],
    roles: [
      ...['cloudsqladmin', 'cloudsqlsuperuser', 'cloudsqlagent', 'cloudsqlreplica', 'cloudsqlimportexport'],
      ...['cloudsqliamuser', 'cloudsqliamserviceaccount', 'cloudsqliamgroup', 'cloudsqliamgroupuser'],
      ...['cloudsqliamgroupserviceaccount', 'cloudsqlobservability', 'cloudsqlobservabilityadmin'],
      ...['cloudsqlconnpooladmin', 'cloudsqlinactiveuser'],
    ],
  },
  {
    // https://cloud.google.com/alloydb/docs/database-users/overview
    provider: 'Google AlloyDB',
    signs: ['alloydbadmin', 'alloydbsuperuser'],
    roles: [
      ...['alloydbadmin', 'alloydbsuperuser', 'alloydbagent', 'alloydbreplica', 'alloydbimportexport', 'alloydbexport'],
      ...['alloydbiamuser', 'alloydbiamgroup', 'alloydbiamgroupuser', 'alloydbiamgroupserviceaccount'],
      ...['alloydbmetadata', 'alloydbobservability', 'alloydbobservabilityadmin'],
    ],
  },
  {
    // https://learn.microsoft.com/azure/postgresql/flexible-server/security-access-control
    provider: 'Azure',
    signs: ['azuresu', 'azure_pg_admin'],
    roles: ['azuresu', 'azure_pg_admin', 'azure_superuser', 'azure_ai_settings_manager', 'replication'],
  },
  {
    // https://supabase.com/docs/guides/database/postgres/roles
    provider: 'Supabase',
    signs: ['supabase_admin'],
    roles: [
      ...['supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin', 'supabase_functions_admin'],
      ...['supabase_realtime_admin', 'supabase_replication_admin', 'supabase_read_only_user', 'supabase_etl_admin'],
      ...['dashboard_user', 'authenticator', 'anon', 'authenticated', 'service_role', 'pgbouncer', 'pgtle_admin'],
      ...['pgsodium_keyiduser', 'pgsodium_keyholder', 'pgsodium_keymaker'],
    ],
  },
  {
    // https://neon.com/docs/manage/roles
    provider: 'Neon',
    signs: ['neon_superuser', 'cloud_admin'],
    roles: ['neon_superuser', 'cloud_admin', 'zenith_admin'],
  },
  {
    // https://www.tigerdata.com/docs/use-timescale/latest/security/read-only-role
    provider: 'Tiger Cloud',
    signs: ['tsdbadmin', 'tsdbowner'],
    roles: ['tsdbadmin', 'tsdbowner', 'tsdbexplorer'],
  },
];

/** Of these roles of a server those that are its provider's, each with the provider's name. */
export function providersOwn(
  roles: readonly string[],
  { superuser }: { readonly superuser: boolean },
): ReadonlyMap<string, string> {
  if (superuser) return new Map();
  const there = new Set(roles);
  return new Map(
    PROVIDERS.filter(({ signs }) => signs.some((sign) => there.has(sign))).flatMap(({ provider, roles: own }) =>
      own.filter((name) => there.has(name)).map((name): [string, string] => [name, provider]),
    ),
  );
}
