import type { Principal } from './principal.ts'

/** What a rule can ask about a caller, by the names that the documents use (S10), and of which type it is. */
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

/** Ruling R5: from the user's record, so browser, command line and MCP are treated alike. Unknown is empty. */
export function attributesOf(principal: Principal): Attributes {
  return {
    Email: principal.email ?? '',
    Name: principal.name ?? '',
    NickName: principal.nickName ?? '',
    AvatarURL: principal.avatarUrl ?? '',
    Provider: principal.provider,
    // The `sub` alone, as the token has it; `Provider` says whose.
    UserID: principal.id.slice(principal.id.indexOf(':') + 1),
    Organizations: principal.organizations,
    Groups: principal.groups,
    Scopes: [...principal.scopes],
    Tenant: principal.tenant.slug,
  }
}
