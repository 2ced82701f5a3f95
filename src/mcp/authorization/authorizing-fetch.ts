/** `fetch` to the protected server: with its token, and once more after the login that it asks for. */
import type { TokenSet } from '../../flows/flow-types.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { readChallenge } from './read-challenge.ts'
import type { RemoteLogin } from './remote-login.ts'

/** A server that refuses the tokens of this many logins in a row, or ever more scopes, is told to the host. */
const MAX_RENEWALS = 3

/** @param login by which tokens come. Requests wait for it; each stops waiting when its own signal says so. */
export function authorizingFetch(
  login: RemoteLogin,
  { fetch, clock }: { fetch: Fetch; clock: Clock },
): Fetch {
  return async (url, init = {}) => {
    let tokens = await patiently(login.tokens(), init.signal)
    for (let renewals = 0; ; renewals++) {
      const response = await sendWith(tokens, url, init, { fetch, clock })
      const challenge = readChallenge(response)
      if (challenge === undefined || renewals === MAX_RENEWALS) return response
      await response.body?.cancel()
      tokens = await patiently(login.renewed(tokens, challenge), init.signal)
    }
  }
}

async function sendWith(
  tokens: TokenSet | undefined,
  url: string,
  init: RequestInit,
  { fetch, clock }: { fetch: Fetch; clock: Clock },
): Promise<Response> {
  if (tokens === undefined) return fetch(url, init)
  const headers = new Headers(init.headers)
  const { accessToken, dpopKey } = tokens
  headers.set('authorization', `${dpopKey === undefined ? 'Bearer' : 'DPoP'} ${accessToken.reveal()}`)
  if (dpopKey === undefined) return fetch(url, { ...init, headers })
  const { provingFetch } = await import('../../flows/dpop/dpop.ts')
  return provingFetch(dpopKey, { fetch, clock })(url, { ...init, headers })
}

/** @throws the signal's reason */
async function patiently<T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (signal === null || signal === undefined) return work
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {})
  }
}
