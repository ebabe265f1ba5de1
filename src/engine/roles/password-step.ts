import { displayIdent, quoteIdent } from '../../postgres/identifiers.ts';

/** Names that are listed in full. */
const MOST = 12;

/** What is left to do when roles have come without passwords, in one sentence; none when no role has. */
export function passwordSteps(roles: readonly string[]): string[] {
  const [first] = roles;
  if (first === undefined) return [];
  const names = roles.slice(0, MOST).map(displayIdent).join(', ');
  const more = roles.length > MOST ? ` and ${roles.length - MOST} more` : '';
  return [
    `Roles come without passwords: set them on the target for ${names}${more} (ALTER ROLE ${quoteIdent(first)} PASSWORD '…', or \\password ${displayIdent(first)} in psql).`,
  ];
}
