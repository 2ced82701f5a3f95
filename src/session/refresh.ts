import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Credential, Store, StoredLogin } from '../store/store.ts'
import { fallbackWarning } from './place.ts'

/** Inside this time before its end a token counts as used up (S241): it could end on the way. */
const EXPIRY_WINDOW_MS = 30_000

export interface RefreshContext {
  store: Store
  clock: Clock
  fetch: typeof fetch
  signal: AbortSignal
  /** Takes a line that the user should see. */
  warn: (line: string) => void
}

/** How a login stands: `renewable` is past its end, or nearly, and can be refreshed. */
export function stateOf(login: Pick<StoredLogin, 'expiresAt' | 'renewable'>, now: number): LoginState {
  if (login.expiresAt === undefined || login.expiresAt - now > EXPIRY_WINDOW_MS) return 'valid'
  return login.renewable ? 'renewable' : 'expired'
}
export type LoginState = 'valid' | 'renewable' | 'expired'

/**
 * The stored credential for `server`, refreshed if it ends within 30 seconds.
 * @returns undefined where none is stored.
 * @throws Fault `credentials_expired` when it has ended and cannot be refreshed (S242, R11); `unreachable`
 * when it has ended and the server is away.
 */
export async function freshCredential(
  server: string,
  context: RefreshContext,
): Promise<Credential | undefined> {
  const credential = await context.store.read(server)
  if (credential === undefined) return undefined
  const now = context.clock.now()
  const { expiresAt = Infinity } = credential
  if (expiresAt - now > EXPIRY_WINDOW_MS) return credential
  try {
    return await renewCredential(credential, context)
  } catch (error) {
    // The last seconds of a token are still good when the server that would renew it is away.
    const away = error instanceof Fault && (error.code === 'unreachable' || error.code === 'server_error')
    if (away && expiresAt > now) return credential
    throw error
  }
}

/**
 * Refreshes `credential` and saves what came. The store is read again first: another process may have done
 * it already.
 * @throws Fault `credentials_expired` when there is nothing to refresh with, or it is refused. The stored
 * login is kept: who was logged in is worth knowing, and `fob auth login` replaces it.
 */
export async function renewCredential(credential: Credential, context: RefreshContext): Promise<Credential> {
  const { store } = context
  const stored = await store.read(credential.server)
  if (stored === undefined) throw credentialsExpired()
  if (stored.token.reveal() !== credential.token.reveal()) return stored
  const { oauth, refreshToken, tenant, user } = stored
  if (oauth === undefined || refreshToken === undefined) throw credentialsExpired()
  const { refreshTokens } = await import('../flows/refresh.ts')
  const tokens = await refreshTokens({ ...oauth, refreshToken, scopes: stored.scopes }, context)
  if (tokens === 'refused') return takeNewer(stored, context)
  const renewed: Credential = {
    server: stored.server,
    kind: stored.kind,
    token: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? refreshToken,
    scopes: tokens.scopes,
    oauth,
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user }),
  }
  const place = (await store.list()).find((login) => login.server === stored.server)?.place
  const saved = await store.save(renewed, { preferFile: place === 'file' })
  const warning = place === 'file' ? undefined : fallbackWarning(saved, store.path)
  if (warning !== undefined) context.warn(warning)
  return renewed
}

export function credentialsExpired(): Fault {
  return new Fault('credentials_expired', 'credentials expired — run fob auth login')
}

/** A refused token may have been used a moment ago by another process, which then saved its successor. */
async function takeNewer(used: Credential, { store }: RefreshContext): Promise<Credential> {
  const now = await store.read(used.server)
  if (now === undefined || now.token.reveal() === used.token.reveal()) throw credentialsExpired()
  return now
}
