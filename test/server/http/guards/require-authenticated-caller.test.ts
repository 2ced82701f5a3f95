/** Authentication of requests: admitted callers, unknown kinds of credential, and recorded failures. */
import { describe, expect, test } from 'bun:test'
import type { AuthenticationOutcome } from '../../../../src/server/auth/authentication-outcome-type.ts'
import { administrator, anonymous } from '../../../../src/server/auth/create-principal.ts'
import { Call } from '../../../../src/server/http/request-context.ts'
import { openHeldBodies } from '../../../../src/server/http/request/limit-total-body-bytes.ts'
import { byCredential } from '../../../../src/server/http/guards/credential-guard.ts'
import { HttpError } from '../../../../src/server/http/response/http-error.ts'
import type { Services } from '../../../../src/server/http/handler-services.ts'

const TENANT = { id: 'ten', slug: 'default' }
const ADMINISTRATOR = administrator('basic', 'basic:admin', 'admin', TENANT)

type Recorded = Record<string, unknown>

/** What becomes of a request whose credential comes to `outcome`; later, or at once. */
async function send(outcome: AuthenticationOutcome, isLater: boolean) {
  const recorded: Recorded[] = []
  let isHandled = false
  const services = {
    authenticator: {
      authenticate: () => (isLater ? Promise.resolve(outcome) : outcome),
      challenge: () => 'Bearer realm="fob"',
    },
    rbac: { admits: () => true },
    audit: { record: (entry: Recorded) => recorded.push(entry) },
  } as unknown as Services
  const request = new Request('http://fob.example/api/v1/profile')
  const peers = { addressOf: () => '192.0.2.1', keepOpen: () => {}, held: openHeldBodies() }
  const call = new Call({ request, path: '/api/v1/profile', params: {} }, anonymous(TENANT), peers)
  const handler = () => {
    isHandled = true
    return new Response()
  }
  const enter = async () => byCredential('any', handler, call, services)
  const refusal = await enter().then(
    () => undefined,
    (error: unknown) => error,
  )
  return { isHandled, refusal, principal: call.principal, recorded }
}

describe.each([
  ['at once', false],
  ['later', true],
])('an outcome of authentication that comes %s', (_, isLater) => {
  test('lets a request in when it is admitted', async () => {
    const { isHandled, principal } = await send({ kind: 'admitted', principal: ADMINISTRATOR }, isLater)
    expect(isHandled).toBe(true)
    expect(principal).toBe(ADMINISTRATOR)
  })

  const refusals: [status: number, code: string, outcome: AuthenticationOutcome][] = [
    [401, 'unauthenticated', { kind: 'none' }],
    [401, 'unauthenticated', { kind: 'wrong_password', account: 'basic:admin' }],
    [429, 'rate_limited', { kind: 'slowed', seconds: 3 }],
    [401, 'signature_required', { kind: 'refused', code: 'signature_required', message: 'not signed' }],
    [401, 'nonce_reused', { kind: 'refused', code: 'nonce_reused', message: 'used before' }],
  ]

  // The fields of a principal and of an admission are added: what a refusal happens to carry must not matter.
  test.each(
    refusals.flatMap(([status, code, outcome]) => [
      [status, code, outcome.kind, outcome] as const,
      [status, code, `${outcome.kind}, with a principal`, { ...outcome, principal: ADMINISTRATOR }] as const,
      [status, code, `${outcome.kind}, which looks like one`, { ...ADMINISTRATOR, ...outcome }] as const,
    ]),
  )('is refused with %p %s: %s', async (status, code, _kind, outcome) => {
    const { isHandled, refusal, principal } = await send(outcome, isLater)
    expect(isHandled).toBe(false)
    expect(principal.kind).toBe('anonymous')
    expect(refusal).toBeInstanceOf(HttpError)
    expect(refusal).toMatchObject({ status, code })
  })

  test('does not let a request in when its kind is not known', async () => {
    const unknown = { ...ADMINISTRATOR, principal: ADMINISTRATOR } as unknown as AuthenticationOutcome
    const { isHandled, refusal } = await send(unknown, isLater)
    expect(isHandled).toBe(false)
    expect(refusal).toMatchObject({ status: 401 })
  })
})

test('a wrong password is recorded, with the account that it would be', async () => {
  const { recorded } = await send({ kind: 'wrong_password', account: 'basic:admin' }, false)
  expect(recorded).toEqual([
    expect.objectContaining({ action: 'login', target: 'basic:admin', outcome: 'refused' }),
  ])
})
