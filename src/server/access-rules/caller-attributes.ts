/** What a rule can ask about a caller. */
import type { Principal } from './principal.ts'

/** The name and type of each attribute. */
export const ATTRIBUTES = {
  Email: 'string',
  Name: 'string',
  NickName: 'string',
  AvatarURL: 'string',
  Provider: 'string',
  UserID: 'string',
  Organizations: 'list<string>',
  Groups: 'list<string>',
  Scopes: 'list<string>',
  Tenant: 'string',
} as const

type Attribute = keyof typeof ATTRIBUTES
export type Attributes = {
  /** A list that is not known is undefined. */
  readonly [K in Attribute]: (typeof ATTRIBUTES)[K] extends 'string' ? string : readonly string[] | undefined
}

const OF_MEMBERSHIPS = /\b(?:Organizations|Groups)\b/

/** Whether a rule asks for organizations or groups. Yes also where the word only stands in a text of the rule. */
export function asksForMemberships(rule: string): boolean {
  return OF_MEMBERSHIPS.test(rule)
}

function userIdOf({ kind, id, provider }: Principal): string {
  return id.slice(kind === 'workload' ? `workload:${provider}:`.length : id.indexOf(':') + 1)
}

/** From the record of the user, so that browser, command line and MCP are treated alike. Unknown ones are empty. */
export function attributesOf(principal: Principal): Attributes {
  const known = principal.memberships.kind !== 'outdated'
  return {
    Email: principal.email ?? '',
    Name: principal.name ?? '',
    NickName: principal.nickName ?? '',
    AvatarURL: principal.avatarUrl ?? '',
    Provider: principal.provider,
    // The `sub` alone, as in the token; `Provider` says whose it is.
    UserID: userIdOf(principal),
    Organizations: known ? principal.organizations : undefined,
    Groups: known ? principal.groups : undefined,
    Scopes: [...principal.scopes],
    Tenant: principal.tenant.slug,
  }
}
