/** What the API and the page do when somebody changes their own password. */
import type { Secret } from '../../redact/secret.ts'
import { normaliseEmail } from '../accounts/email-and-password-rules.ts'
import type { User } from '../accounts/user-types.ts'
import type { KeptLogin } from '../issuer/tokens/end-sessions-grants-and-tokens.ts'
import { by } from './audit-entry-from-request.ts'
import { requireIssuer, type Services } from './handler-services.ts'
import type { Call } from './request-context.ts'

/** Where somebody from a provider changes their password. */
export const PASSWORD_PLACES: Readonly<Record<string, string>> = {
  github: 'GitHub',
  gitlab: 'GitLab',
  microsoft: 'Microsoft',
}

/**
 * Changes it, and ends all other logins of the account. Its scoped tokens stay: they are not logins, and their owner
 * sees them in a list of their own.
 * @throws Fault `usage` for a new password that is not accepted
 */
export async function changeOwnPassword(
  { user, keep, ...passwords }: { user: User; keep: KeptLogin; current: Secret; password: Secret },
  call: Call,
  services: Services,
): ReturnType<Services['accounts']['changeOwnPassword']> {
  const { accounts, audit, log } = services
  const issuer = requireIssuer(services)
  const account = user.email === null ? undefined : normaliseEmail(user.email)
  const browser = account && issuer.knownBrowsers.find(call.headers.get('cookie'), account)
  const change = await accounts.changeOwnPassword({ user, ...passwords, address: call.address, browser })
  const entry = { ...by(call), action: 'user.passwd', target: call.principal.id } as const
  if (change.kind === 'changed') {
    issuer.endOtherLogins(user, keep)
    audit.record(entry)
  }
  if (change.kind === 'refused') audit.record({ ...entry, outcome: 'refused' })
  if (change.kind === 'wait') {
    const { requestId, address } = call
    log.warn('change of a password slowed down', { requestId, address, seconds: change.seconds })
  }
  return change
}
