/** Finds how a server wants to be logged in to, before a login, and whether it wants one at all. */
import * as v from 'valibot'
import { healthResponse } from '../contract/api/health.ts'
import { Fault } from '../contract/fault.ts'
import { openApi, type ServerContext } from './api-client.ts'

const strategySchema = v.looseObject({ strategy: healthResponse.entries.strategy })
type Strategy = v.InferOutput<typeof strategySchema>['strategy']

/**
 * The strategy that the server names in its `/health`.
 * @returns undefined for a server that is not one of ours: it has no such route, refuses it, or names none.
 * @throws Fault `unreachable`; the signal's reason.
 */
export async function strategyOf(context: ServerContext): Promise<Strategy | undefined> {
  const api = openApi({ ...context, tenant: undefined, authorization: async () => undefined })
  const ask = async (path: string) =>
    (await api.request({ method: 'GET', path, schema: strategySchema })).strategy
  try {
    return await ask('/health').catch((error: unknown) => {
      // A server that has no room on its disk refuses there, and says the same here.
      if (error instanceof Fault && error.status === 503) return ask('/health/live')
      throw error
    })
  } catch (error) {
    const down = !(error instanceof Fault) || error.code === 'unreachable' || error.code === 'interrupted'
    if (down) throw error
    return undefined
  }
}

/** How long a server may take to say whether it is open. */
const ASK_MS = 3000

/**
 * Whether a server lets everybody in, so that nobody needs a login; false also where it does not say so in time.
 * @throws the signal's reason
 */
export async function isOpenToEveryone(context: ServerContext): Promise<boolean> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(ASK_MS)])
  const strategy = await strategyOf({ ...context, signal }).catch(() => undefined)
  context.signal.throwIfAborted()
  return strategy === 'open'
}

/** What a command says where nobody needs a login. */
export function openToEveryone(server: string): string {
  return `${server} is open to everyone: no login is needed`
}
