/** The settings that say who is let in as what: the first administrator, and everybody who is not known yet. */
import { type DefaultRole, IDENTITY_PROVIDER_NAMES } from '../accounts/user-types.ts'
import { Fault } from '../../contract/fault.ts'
import type { NamedAdministrator } from '../accounts/named-administrator.ts'
import type { Strategy } from './choose-authentication-strategy.ts'

/** @throws Fault `config` for another form, and where nobody logs in */
export function readAdministrator(
  text: string | undefined,
  strategy: Strategy,
): NamedAdministrator | undefined {
  if (text === undefined) return undefined
  if (strategy.kind !== 'oauth') {
    throw new Fault('config', '--admin names a person, and nobody logs in to this server as one', {
      hint: 'set --local-accounts, or the client of a provider; without OAuth every caller is an administrator',
    })
  }
  const [, provider = '', subject = ''] = /^([a-z]+):(\S{1,255})$/.exec(text) ?? []
  if (IDENTITY_PROVIDER_NAMES.some((known) => known === provider))
    return { kind: 'account', provider, subject }
  if (/^[^\s@:]{1,64}@[^\s@]{1,255}$/.test(text)) return { kind: 'email', email: text }
  throw new Fault(
    'config',
    `--admin takes an e-mail or ${IDENTITY_PROVIDER_NAMES.join('|')}:ID, not ${text}`,
    {
      hint: 'for example --admin you@example.com or --admin github:583231',
    },
  )
}

const DEFAULT_ROLES = ['none', 'viewer', 'member'] as const satisfies readonly DefaultRole[]

/** @throws Fault `config` for another role, and where nobody comes from a provider */
export function readDefaultRole(text: string | undefined, strategy: Strategy): DefaultRole | undefined {
  if (text === undefined) return undefined
  if (strategy.kind !== 'oauth') {
    throw new Fault('config', '--default-role is about logins, and nobody logs in to this server', {
      hint: 'set --local-accounts, or the client of a provider',
    })
  }
  const role = DEFAULT_ROLES.find((known) => known === text)
  if (role !== undefined) return role
  throw new Fault('config', `--default-role takes none, viewer or member, not ${text}`, {
    hint: 'administrators are named by --admin, or made by another administrator',
  })
}
