/** Calls with the ID token of a job: exchanged when the first call needs it, renewed in time, and stored nowhere. */
import type { TokenSet } from '../../flows/flow-types.ts'
import type { IdTokenSource } from '../../flows/workload/find-id-token.ts'
import { VERSION } from '../../platform/build-constants.ts'
import type { Secret } from '../../redact/secret.ts'
import { type Authorization, shared } from '../authorization-of-session.ts'
import { authorizationOf } from '../build-authorization-header.ts'
import { isFresh } from '../refresh-login.ts'
import type { WorkloadContext } from './workload-tokens.ts'

/**
 * What calls of a server are made with that the user has named. Nothing is presented, and the ID token is not sent,
 * where the server is open to everyone, has Basic authentication, or is not a fob server.
 */
export function workloadAuthorization(
  source: IdTokenSource,
  server: string,
  context: WorkloadContext,
): Authorization {
  const { clock } = context
  let current: TokenSet | undefined
  let takes: boolean | undefined
  const exchange = shared(async () => {
    takes ??= await takesTokens(server, context)
    if (!takes) return undefined
    const { workloadTokens } = await import('./workload-tokens.ts')
    return (current = await workloadTokens(source, server, context))
  })
  const fresh = async () => {
    if (current !== undefined && isFresh(current, clock.now())) return current
    try {
      return await exchange()
    } catch (error) {
      // The last seconds of a token are still good when there is no other one just now.
      const isOver = current === undefined || (current.expiresAt ?? 0) <= clock.now()
      if (isOver || context.signal.aborted) throw error
      return current
    }
  }
  return {
    bearer: async () => (await fresh())?.accessToken,
    authorization: async () => headerOf(await fresh()),
    renewed: async (refused) => {
      const before = headerOf(current)
      const next = before?.reveal() === refused.reveal() ? headerOf(await exchange()) : before
      return next?.reveal() === refused.reveal() ? undefined : next
    },
    proving: async () => undefined,
  }
}

function headerOf(tokens: TokenSet | undefined): Secret | undefined {
  return tokens && authorizationOf({ token: tokens.accessToken })
}

async function takesTokens(server: string, context: WorkloadContext): Promise<boolean> {
  const { strategyOf } = await import('../find-login-strategy.ts')
  const { clock, fetch, signal } = context
  const silent = { insecureHttp: false, sign: false, debug: () => {} }
  return (await strategyOf({ server, version: VERSION, clock, fetch, signal, ...silent })) === 'oauth'
}
