/** Warnings at the start: nobody administers the server, or no local account passes its rule. */
import type { Accounts } from './accounts/accounts.ts'
import { LOCAL } from './accounts/local-accounts.ts'
import type { User } from './accounts/user-types.ts'
import type { Rbac } from './access-rules/access-rules.ts'
import { userPrincipal } from './auth/create-principal.ts'
import type { Log } from './log.ts'
import type { ServerSettings } from './settings/settings.ts'

interface People {
  accounts: Pick<Accounts, 'list'>
  rbac: Rbac
  log: Log
}

export async function warnOfMissingPeople(
  settings: ServerSettings,
  { accounts, ...deps }: People,
): Promise<void> {
  if (settings.strategy.kind !== 'oauth') return
  const people = await accounts.list()
  warnOfNoAdministrator(settings, people, deps)
  if (settings.strategy.localAccounts) warnOfRuleForNobody(settings, people, deps)
}

function warnOfNoAdministrator(
  { administrator }: ServerSettings,
  people: readonly User[],
  { log }: Pick<People, 'log'>,
): void {
  if (administrator !== undefined || people.some(({ role }) => role === 'admin')) return
  log.warn('this server has no administrator', {
    hint: 'set --admin EMAIL or --admin github:ID for whoever logs in, or use "fob server user add EMAIL --role admin"',
  })
}

/** A rule that asks for an organization, for example, lets nobody in who has an account of this server alone. */
function warnOfRuleForNobody(
  { rbac: rule }: ServerSettings,
  people: readonly User[],
  { rbac, log }: Pick<People, 'rbac' | 'log'>,
): void {
  const local = people.filter(({ provider }) => provider === LOCAL)
  if (rule === undefined || local.length === 0) return
  const credential = { kind: 'none', id: null } as const
  if (local.some((user) => rbac.admits(userPrincipal(user, { scopes: [], credential })))) return
  log.warn('no local account passes the rule of this server: none of them can use it', {
    rule,
    accounts: local.length,
    hint: 'local accounts are in no organization or group; change --rbac, or let people log in with a provider',
  })
}
