/** The caller's own password in the API. */
import { changePasswordBody } from '../../../../contract/api/password.ts'
import { Secret } from '../../../../redact/secret.ts'
import { changeOwnPassword, PASSWORD_PLACES } from '../../change-own-password.ts'
import { tooManyAttempts } from '../../guards/rate-limits.ts'
import type { Handler } from '../../request-context.ts'
import { readBody } from '../../request/request-body.ts'
import { HttpError } from '../../response/http-error.ts'
import { json } from '../../response/json-response.ts'

/** `PUT /api/auth/password`: the login of this request stays, all others of the account end. */
export const putOwnPassword: Handler = async (call, services) => {
  const { current, password } = await readBody(call, changePasswordBody)
  const { userId, credential } = call.principal
  const user = userId === null ? undefined : await services.accounts.byId(userId)
  if (user === undefined) throw new HttpError(404, 'not_found', 'the account is gone')
  const change = await changeOwnPassword(
    {
      user,
      keep: { kind: 'program', jti: credential.id ?? '' },
      current: new Secret(current),
      password: new Secret(password),
    },
    call,
    services,
  )
  if (change.kind === 'wait') throw tooManyAttempts(change.seconds)
  if (change.kind === 'refused') {
    throw new HttpError(403, 'wrong_password', 'the current password is not right', {
      details: { hint: 'nothing was changed; an administrator can set a new one: fob server user passwd' },
    })
  }
  if (change.kind === 'elsewhere') {
    const place = PASSWORD_PLACES[change.provider] ?? change.provider
    throw new HttpError(409, 'conflict', 'this account has no password here', {
      details: { hint: `it logs in with ${place}: change the password there` },
    })
  }
  return json({ changed: true })
}
