/** The end of a login that `GET /api/auth/github?cli=true` started. */
import type { User } from '../../accounts/user-types.ts'
import type { Issuer } from '../../issuer/issuer.ts'
import type { Purpose } from '../../issuer/identity-providers/pending-login-cookie.ts'
import { byUser } from '../audit-entry-from-request.ts'
import type { Call } from '../request-context.ts'
import { redirect } from '../response/see-other-redirect.ts'
import type { Services } from '../handler-services.ts'

/** Sends the browser back to the program on its machine, with a token or a code as the program asked for. */
export async function finishCliLogin(
  done: { user: User; purpose: Extract<Purpose, { kind: 'cli' }>; setCookies: readonly string[] },
  call: Call,
  { log, audit }: Services,
  issuer: Issuer,
): Promise<Response> {
  const { user, purpose, setCookies } = done
  const back = new URL(purpose.redirectUri)
  if (purpose.codeChallenge === null) {
    const { accessToken } = await issuer.api.issue(user, true)
    back.searchParams.set('token', accessToken.reveal())
  } else {
    back.searchParams.set('code', issuer.api.makeCode(user, purpose.codeChallenge))
  }
  if (purpose.state !== null) back.searchParams.set('state', purpose.state)
  log.info('login', {
    requestId: call.requestId,
    address: call.address,
    user: user.id,
    vendor: user.provider,
  })
  audit.record({ ...byUser(call, user), action: 'login', details: { provider: user.provider } })
  return redirect(back.href, setCookies)
}
