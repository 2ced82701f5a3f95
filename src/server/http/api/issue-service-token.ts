/** Service tokens in the API. */
import { json } from '../response/json-response.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Handler } from '../request-context.ts'

/** `POST /api/auth/service-token`: what CI/CD gets for its service key. */
export const createServiceToken: Handler = (call, { serviceKeys, audit, clock }) => {
  const { principal } = call
  const { value, expiresAt } = serviceKeys.issue(principal.credential.id ?? '')
  audit.record({ ...by(call), action: 'service-token.create', target: principal.id })
  return json({
    token: value.reveal(),
    tokenType: 'Bearer',
    expiresIn: Math.round((expiresAt - clock.now()) / 1000),
    expiresAt: new Date(expiresAt).toISOString(),
  })
}
