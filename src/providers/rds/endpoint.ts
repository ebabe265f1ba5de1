import type { Place } from '../platforms/platform.ts';

/** What the host name of an RDS or Aurora server tells. */
export interface RdsEndpoint {
  /** `writer`, `reader` and `custom` are endpoints of a cluster, the others of one instance or of a proxy. */
  readonly kind: 'instance' | 'writer' | 'reader' | 'custom' | 'proxy';
  /** Of the instance or the cluster; null where the name does not hold it. */
  readonly identifier: string | null;
  readonly region: string;
}

const GLOBAL = /^([^.]+)\.(?:endpoint\.)?([^.]+)\.([a-z0-9-]+)\.rds\.amazonaws\.com$/i;
const CHINA = /^([^.]+)\.(?:endpoint\.)?([^.]+)\.rds\.([a-z0-9-]+)\.amazonaws\.com\.cn$/i;

/**
 * Reads `shop.c9akciq32.eu-west-1.rds.amazonaws.com`; null for any other name.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html
 */
export function endpointOf(host: string): RdsEndpoint | null {
  const [, name, kind, region] = GLOBAL.exec(host) ?? CHINA.exec(host) ?? [];
  if (name === undefined || kind === undefined || region === undefined) return null;
  if (/^proxy-/i.test(kind)) return { kind: 'proxy', identifier: null, region };
  if (/^cluster-ro-/i.test(kind)) return { kind: 'reader', identifier: name, region };
  if (/^cluster-custom-/i.test(kind)) return { kind: 'custom', identifier: null, region };
  if (/^cluster-/i.test(kind)) return { kind: 'writer', identifier: name, region };
  return { kind: 'instance', identifier: name, region };
}

/** Which address to use instead of one through which no migration can go; null when it is right. */
export function wrongEndpoint({ host }: Pick<Place, 'host'>): string | null {
  switch (endpointOf(host)?.kind) {
    case 'proxy':
      return 'This is the endpoint of an RDS Proxy, which carries no replication: use the endpoint of the instance or the cluster (RDS → Databases → the database → Connectivity & security).';
    case 'reader':
      return 'This is the reader endpoint of the cluster: use the writer endpoint (the same name without "-ro").';
    case 'custom':
      return 'This is a custom endpoint of the cluster, which may lead to a reader: use the writer endpoint.';
    default:
      return null;
  }
}
