/** Whether the tokens of one login are bound to a key: because the user asks for it, or because the server does. */
import { Fault } from '../../contract/fault.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import type { Secret } from '../../redact/secret.ts'
import { createDpopKey, knowsProofs, provingFetch } from './dpop.ts'
import type { FlowContext, FlowRequest } from '../flow-types.ts'
import type { Refusal } from '../read-protocol-response.ts'

export interface Binding {
  /** With a proof in every request once the login is bound. */
  fetch: Fetch
  /** The key that tokens of this type are bound to. @throws Fault where they are not bound as they have to be. */
  keyFor(tokenType: string): Secret | undefined
  /**
   * Runs `work`, and where the server refuses it because there was no proof, once more with one.
   * @param refusalOf what the server said in an error that `work` threw.
   */
  attempt<T>(work: () => Promise<T>, refusalOf: (error: unknown) => Refusal | undefined): Promise<T>
  /** What to try after a refusal for which a missing proof may be the reason. */
  hint: string | undefined
}

/** What says that a proof is missing (RFC 9449 §5, §8). */
const ASKS_FOR_PROOF: ReadonlySet<string> = new Set(['invalid_dpop_proof', 'use_dpop_nonce'])
/** What servers also say of one that is missing, oidc-provider the first; each has other meanings. */
const MAY_ASK_FOR_PROOF: ReadonlySet<string> = new Set(['invalid_grant', 'invalid_request', 'invalid_client'])

/**
 * A server does not publish which clients get key-bound tokens alone, and one that merely offers them would bind those
 * of every client that sends a proof; such tokens are of no use to other programs. So the first request has no proof,
 * unless the user asks for it.
 */
export async function bindTokens(
  { provider, dpop = false }: FlowRequest,
  context: Pick<FlowContext, 'fetch' | 'clock'>,
): Promise<Binding> {
  const { dpopAlgorithms: algorithms, issuer } = provider
  const isOffered = knowsProofs(algorithms)
  const create = async () => {
    const key = await createDpopKey(algorithms)
    return { key, fetch: provingFetch(key, context) }
  }
  let bound = dpop ? await create() : undefined
  const isMissing = ({ error = '', status }: Refusal) =>
    status < 500 && (ASKS_FOR_PROOF.has(error) || (isOffered && MAY_ASK_FOR_PROOF.has(error)))
  return {
    fetch: (url, init) => (bound?.fetch ?? context.fetch)(url, init),
    keyFor: (tokenType) => {
      const isBound = tokenType.toLowerCase() === 'dpop'
      if (isBound && bound === undefined) {
        throw new Fault('server_error', `${issuer} issued a token for a key that was not named`)
      }
      if (!isBound && dpop) {
        throw new Fault('config', `${issuer} issued a token that is not bound to a key`, {
          hint: 'it does not know --dpop, or not for this client: log in without it',
        })
      }
      return isBound ? bound?.key : undefined
    },
    attempt: async (work, refusalOf) => {
      try {
        return await work()
      } catch (error) {
        const first = refusalOf(error)
        if (bound !== undefined || first === undefined || !isMissing(first)) throw error
        bound = await create()
        try {
          return await work()
        } catch (again) {
          // The same words with a proof as without one: it was about something else.
          const second = refusalOf(again)
          if (first.error === second?.error && !ASKS_FOR_PROOF.has(first.error ?? '')) bound = undefined
          throw again
        }
      }
    },
    get hint() {
      const mayHelp = isOffered && bound === undefined
      return mayHelp ? 'if this client gets key-bound tokens only, log in with --dpop' : undefined
    },
  }
}
