import { Fault } from '../../contract/fault.ts'
import type { Administration } from '../../server/administration/open-data-folder.ts'

export const ROLES = ['admin', 'member', 'viewer'] as const

export const whoPositional = {
  arity: 'required',
  description: 'an e-mail (server accounts alone), PROVIDER:SUBJECT, or an ID from fob server user list',
} as const

/**
 * A user as people name one on the command line. An e-mail names a local account alone: an identity provider's can be
 * reassigned.
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

/** @throws Fault `usage` */
export function parseRole(text: string | undefined): (typeof ROLES)[number] | undefined {
  const role = ROLES.find((name) => name === text)
  if (text !== undefined && role === undefined) throw new Fault('usage', `--role takes ${ROLES.join(', ')}`)
  return role
}
