/** Asks a server whether it accepts a stored login, for `fob auth status --check`. */
import { Fault } from '../../contract/fault.ts'
import { present } from '../../contract/omit-undefined.ts'
import { profileOf } from '../../session/fetch-profile.ts'
import { freshCredential, renewCredential } from '../../session/refresh-login.ts'
import { traced } from '../../session/trace-requests.ts'
import type { StoredCredential, StoredLogin } from '../../store/store-interface.ts'
import { type Context, serverContext } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'

/** What came of a check. */
export type CheckResult = 'accepted' | 'rejected' | 'unreachable' | 'failed'

/**
 * Presents the stored credential as a command would: renewed first if that is due, and once more with a renewed
 * one when it is refused before it expires.
 */
export async function checkLogin(login: StoredLogin, context: Context, deps: Deps): Promise<CheckResult> {
  const fetch = traced(deps.fetch, context.debug)
  const world = { ...deps, fetch, store: context.store, warn: context.say }
  const ask = async ({ token, username, dpopKey }: StoredCredential) => {
    const known = present({ username, dpopKey })
    await profileOf(serverContext(deps, context, login.server), token, login.tenant, known)
  }
  try {
    const credential = await freshCredential(login.server, world, login.account)
    if (credential === undefined) return 'rejected'
    await ask(credential).catch(async (error: unknown) => {
      if (!isRefusal(error) || !login.renewable) throw error
      await ask(await renewCredential(credential, world))
    })
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'interrupted') throw error
    if (isRefusal(error) || error.code === 'credentials_expired') return 'rejected'
    return error.code === 'unreachable' || error.code === 'server_error' ? 'unreachable' : 'failed'
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'unauthenticated' || error.code === 'signature_refused')
}
