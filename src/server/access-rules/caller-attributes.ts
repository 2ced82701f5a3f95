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
  readonly [K in Attribute]: (typeof ATTRIBUTES)[K] extends 'string' ? string : readonly string[]
}

/** From the record of the user, so that browser, command line and MCP are treated alike. Unknown ones are empty. */
export function attributesOf(principal: Principal): Attributes {
  return {
    Email: principal.email ?? '',
    Name: principal.name ?? '',
    NickName: principal.nickName ?? '',
    AvatarURL: principal.avatarUrl ?? '',
    Provider: principal.provider,
    // The `sub` alone, as in the token; `Provider` says whose it is.
    UserID: principal.id.slice(principal.id.indexOf(':') + 1),
    Organizations: principal.organizations,
    Groups: principal.groups,
    Scopes: [...principal.scopes],
    Tenant: principal.tenant.slug,
  }
}
