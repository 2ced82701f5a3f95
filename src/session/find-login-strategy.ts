/** Finds how a server wants to be logged in to, before a login. */
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
