/** Finds the user that an argument of `fob server …` names, and the roles that one can have. */
import { Fault } from '../../contract/fault.ts'
import type { Administration } from '../../server/administration/open-data-folder.ts'
import type { Arg } from '../parsing/argument-definitions.ts'

export const ROLES = ['admin', 'member', 'viewer'] as const
export type Role = (typeof ROLES)[number]

export const userArgument = {
  type: 'positional',
  description:
    'an e-mail (accounts of the server only), PROVIDER:SUBJECT, or an ID from fob server user list',
} as const satisfies Arg

/**
 * An e-mail address names a local account only: at an identity provider, it can be given to somebody else.
 * @throws Fault `not_found`
 */
export async function findUser({ accounts }: Pick<Administration, 'accounts'>, who: string) {
  const colon = who.indexOf(':')
  const user =
    colon > 0
      ? await accounts.bySubject(who.slice(0, colon), who.slice(colon + 1))
      : who.includes('@')
        ? await accounts.byEmail(who)
        : await accounts.byId(who)
  if (user) return user
  throw new Fault('not_found', `there is no user ${who}`, { hint: 'fob server user list shows them' })
}
