/** What a request says about an entry of the audit log: who, from where, by which credential. */
import { accountIdOf, type User } from '../accounts/user-types.ts'
import type { NewEntry } from '../audit/audit.ts'
import type { Call } from './request-context.ts'

/** The half of an entry that every request has. */
export function by({ principal, address, requestId }: Call): Omit<NewEntry, 'action'> {
  return {
    tenantId: principal.tenant.id,
    actor: principal.id,
    address,
    credential: principal.credential,
    requestId,
  }
}

/** The same where a user is known who is not the principal yet: while they log in or out. */
export function byUser(call: Call, user: User): Omit<NewEntry, 'action'> {
  return { ...by(call), tenantId: user.tenant.id, actor: accountIdOf(user) }
}

/**
 * A login with a wrong password: in the log of the tenant whose account was tried. What was typed is never recorded
 * where it is not an account: people type passwords into the wrong field.
 */
export function refusedLogin(call: Call, account: User | undefined): NewEntry {
  const tried = account && { tenantId: account.tenant.id, target: accountIdOf(account) }
  return { ...by(call), ...tried, action: 'login', outcome: 'refused', details: { provider: 'local' } }
}
