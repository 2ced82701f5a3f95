/** Asks a server whether it accepts a stored login, for `fob auth status --check`. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { present } from '../../contract/omit-undefined.ts'
import { type Profile, profileOf } from '../../session/fetch-profile.ts'
import { freshCredential, renewCredential } from '../../session/refresh-login.ts'
import type { Session } from '../../session/session.ts'
import { traced } from '../../session/trace-requests-for-debug.ts'
import type { StoredCredential, StoredLogin } from '../../store/store-interface.ts'
import { type Context, serverContext } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'

/** What came of a check, and what the server says that the credential may do. */
export interface Checked {
  check: 'accepted' | 'rejected' | 'unreachable' | 'failed'
  role?: string
  scopes?: readonly string[]
}

/**
 * Presents the stored credential as a command would: renewed first if that is due, and once more with a renewed
 * one when it is refused before it expires.
 */
export async function checkLogin(login: StoredLogin, context: Context, deps: Deps): Promise<Checked> {
  const fetch = traced(deps.fetch, context.debug)
  const world = { ...deps, fetch, store: context.store, warn: context.say }
  const ask = ({ token, username, dpopKey }: StoredCredential) => {
    const known = present({ username, dpopKey })
    return profileOf(serverContext(deps, context, login.server), token, login.tenant, known)
  }
  return outcome(async () => {
    const credential = await freshCredential(login.server, world, login.account)
    if (credential === undefined) return undefined
    return ask(credential).catch(async (error: unknown) => {
      if (!isRefusal(error) || !login.renewable) throw error
      return ask(await renewCredential(credential, world))
    })
  })
}

/** Presents what was given for this call, or what the server gives for the ID token of this job. */
export async function checkGiven(
  { presented, bearer, server, tenant }: Session,
  context: Context,
  deps: Deps,
): Promise<Checked> {
  const there = serverContext(deps, context, server.url)
  return outcome(async () => {
    if (presented.kind === 'bearer') return profileOf(there, presented.token, tenant)
    if (presented.kind === 'workload') {
      const token = await bearer()
      if (token !== undefined) return profileOf(there, token, tenant)
      const { isOpenToEveryone } = await import('../../session/find-login-strategy.ts')
      return (await isOpenToEveryone(there)) ? {} : undefined
    }
    if (presented.kind !== 'basic') return undefined
    const { username, password } = presented.credentials
    return profileOf(there, password, tenant, { username })
  })
}

async function outcome(ask: () => Promise<Profile | undefined>): Promise<Checked> {
  try {
    const profile = await ask()
    if (profile === undefined) return { check: 'rejected' }
    const { role, scopes } = v.parse(permissions, profile)
    return present({ check: 'accepted' as const, role, scopes })
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'interrupted') throw error
    if (isRefusal(error) || error.code === 'credentials_expired') return { check: 'rejected' }
    const away = error.code === 'unreachable' || error.code === 'server_error'
    return { check: away ? 'unreachable' : 'failed' }
  }
}

/** Of a fob server's profile; another server's may have fields of these names that mean something else. */
const permissions = v.looseObject({
  role: v.fallback(v.optional(v.string()), undefined),
  scopes: v.fallback(v.optional(v.array(v.string())), undefined),
})

function isRefusal(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'unauthenticated' || error.code === 'signature_refused')
}
