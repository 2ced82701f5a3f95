/** The UserInfo endpoint (OpenID Connect Core §5.3). */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { parseJson } from '../platform/parse-json.ts'
import { fetchFailure } from '../platform/network/fetch-failure.ts'
import type { Secret } from '../redact/secret.ts'
import { readIfOk } from './bounded-response.ts'
import type { Identity } from './flow-types.ts'
import { identityOf } from './identity-from-id-token.ts'
import type { Fetch } from '../platform/fetch-type.ts'

const TIMEOUT_MS = 30_000

const claimsSchema = v.looseObject({ sub: v.string() })

/**
 * Whose an access token is.
 * @param subject of the ID token: a response about another subject is not used (§5.3.2).
 * @returns `refused` when the server does not accept the token; undefined where there is no such endpoint,
 * or its response names no user.
 * @throws Fault `unreachable`; `server_error` for a response that is too large; the signal's reason.
 */
export async function readUserinfo(
  endpoint: string,
  token: Secret,
  subject: string | undefined,
  { fetch, signal }: { fetch: Fetch; signal: AbortSignal },
): Promise<Identity | 'refused' | undefined> {
  let response: Response
  let text: string | undefined
  try {
    response = await fetch(endpoint, {
      headers: { accept: 'application/json', authorization: `Bearer ${token.reveal()}` },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    text = await readIfOk(response, endpoint)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    throw new Fault('unreachable', `cannot reach ${new URL(endpoint).origin}: ${fetchFailure(error)}`)
  }
  if (response.status === 401 || response.status === 403) return 'refused'
  if (text === undefined) return undefined
  const parsed = v.safeParse(claimsSchema, parseJson(text))
  if (!parsed.success || (subject !== undefined && parsed.output.sub !== subject)) return undefined
  return identityOf(parsed.output)
}
