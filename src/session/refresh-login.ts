import { Fault } from '../contract/fault.ts'
import type { TokenSet } from '../flows/flow.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch.ts'
import type { Credential, OAuthClient, Store, StoredCredential, StoredLogin } from '../store/store.ts'

/** Inside this time before its end a token counts as used up (S241): it could end on the way. */
const EXPIRY_WINDOW_MS = 30_000
/** How long a refresh that has been sent may still go on when the command is interrupted. */
const LAST_WORD_MS = 3_000

export interface RefreshContext {
  store: Store
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
  /** Takes a line that the user should see. */
  warn: (line: string) => void
}

/** How a login stands: `renewable` is past its end, or nearly, and can be refreshed. */
export function stateOf(
  login: Pick<StoredLogin, 'expiresAt' | 'renewable' | 'ended'>,
  now: number,
): LoginState {
  if (login.ended === true) return 'expired'
  if (isFresh(login, now)) return 'valid'
  return login.renewable ? 'renewable' : 'expired'
}
export type LoginState = 'valid' | 'renewable' | 'expired'

/**
 * The stored credential for `server`, refreshed if it ends within 30 seconds.
 * @param account of that server; without it, its current one.
 * @returns undefined where none is stored.
 * @throws Fault `credentials_expired` when it has ended and cannot be refreshed (S242, R11); `unreachable`
 * when it has ended and the server is away.
 */
export async function freshCredential(
  server: string,
  context: RefreshContext,
  account?: string,
): Promise<StoredCredential | undefined> {
  const { store, clock } = context
  const credential = await store.read(server, account)
  if (credential === undefined) {
    const login = (await store.list()).find((l) => l.server === server && isMeant(l, account))
    if (login?.ended === true) throw credentialsExpired()
    return undefined
  }
  if (isFresh(credential, clock.now())) return credential
  try {
    return await renewOnce(credential, context, {
      unneeded: async () => {
        const { account } = credential
        const login = (await store.list()).find((l) => l.server === server && l.account === account)
        return login === undefined || stateOf(login, clock.now()) !== 'renewable'
      },
      isDone: (stored) => isFresh(stored, clock.now()),
    })
  } catch (error) {
    // The last seconds of a token are still good when it cannot be renewed just now.
    const forGood =
      !(error instanceof Fault) || error.code === 'credentials_expired' || context.signal.aborted
    if (!forGood && (credential.expiresAt ?? 0) > clock.now()) return credential
    throw error
  }
}

/**
 * Refreshes `used`, however long it would last: it was refused, or somebody asks for it. What another
 * process has stored in its place meanwhile is taken instead.
 * @throws Fault `credentials_expired` when there is nothing to refresh with, or it is refused.
 */
export function renewCredential(used: StoredCredential, context: RefreshContext): Promise<StoredCredential> {
  return renewOnce(used, context, {
    unneeded: async () => false,
    isDone: (stored) => stored.token.reveal() !== used.token.reveal(),
  })
}

interface Need {
  /** Asked while another process has the lock; must not wake the keychain. */
  unneeded: () => Promise<boolean>
  /** Whether what is stored now serves, so that nothing is to be sent. */
  isDone: (stored: StoredCredential) => boolean
}

/**
 * One refresh for all processes (R11): take the lock of this login, read the store again, refresh only if it
 * is still needed, save, release. A holder that is killed between the server's answer and the save lets go
 * of the lock, and the next one sends the same refresh token again, which a server with a grace (ours has
 * 30 s) answers with the same tokens.
 */
async function renewOnce(
  used: StoredCredential,
  context: RefreshContext,
  { unneeded, isDone }: Need,
): Promise<StoredCredential> {
  const { store } = context
  const { server, account } = used
  if (used.oauth === undefined || used.refreshToken === undefined) throw credentialsExpired()
  const lock = await store.lockRenewal(server, account, unneeded)
  try {
    const stored = await store.read(server, account)
    // Ended by a logout or a refusal meanwhile: it is not brought back.
    if (stored === undefined) throw credentialsExpired()
    if (isDone(stored) || lock.kind === 'unneeded') return stored
    return await refreshAndSave(stored, context)
  } finally {
    if (lock.kind === 'ours') lock.release()
  }
}

async function refreshAndSave(stored: StoredCredential, context: RefreshContext): Promise<StoredCredential> {
  const { store, signal } = context
  const { oauth, refreshToken } = stored
  if (oauth === undefined || refreshToken === undefined) throw credentialsExpired()
  const { refreshTokens } = await import('../flows/refresh-grant.ts')
  signal.throwIfAborted()
  // From here on the server may have rotated the token: leaving before the new one is saved could lose it.
  const lastWord = delayed(signal)
  try {
    const request = { ...oauth, refreshToken, scopes: stored.scopes }
    const tokens = await refreshTokens(request, { ...context, signal: lastWord.signal })
    if (tokens === 'refused') return await giveUp(stored, store)
    const renewed = renewedBy(stored, tokens, oauth)
    const renewal = await store.renew(stored, renewed)
    signal.throwIfAborted()
    if (renewal.kind === 'gone') throw credentialsExpired()
    if (renewal.kind === 'replaced') return await takeStored(stored, store)
    const { fallbackWarning } = await import('./keychain-fallback-warning.ts')
    const warning = fallbackWarning(renewal.saved, store.path)
    if (warning !== undefined) context.warn(warning)
    return renewed
  } finally {
    lastWord.end()
  }
}

function renewedBy(stored: StoredCredential, tokens: TokenSet, oauth: OAuthClient): StoredCredential {
  const { expiresAt: _, token: __, refreshToken, ...kept } = stored
  const next = tokens.refreshToken ?? refreshToken
  return {
    ...kept,
    token: tokens.accessToken,
    ...(next === undefined ? {} : { refreshToken: next }),
    scopes: tokens.scopes,
    oauth,
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
  }
}

/**
 * The server has refused the refresh token for good. Only the one that is stored at this moment ends the
 * login: where there is another one by now, that one is as good as any.
 */
async function giveUp(used: StoredCredential, store: Store): Promise<StoredCredential> {
  if (await store.end(used)) throw credentialsExpired()
  return takeStored(used, store)
}

async function takeStored(used: StoredCredential, store: Store): Promise<StoredCredential> {
  const now = await store.read(used.server, used.account)
  if (now === undefined) throw credentialsExpired()
  return now
}

export function credentialsExpired(): Fault {
  return new Fault('credentials_expired', 'credentials expired — run fob auth login')
}

/** A signal that follows `signal` a little later. */
function delayed(signal: AbortSignal): { signal: AbortSignal; end: () => void } {
  const late = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const start = () => {
    timer = setTimeout(() => late.abort(signal.reason), LAST_WORD_MS)
  }
  signal.addEventListener('abort', start, { once: true })
  const end = () => {
    signal.removeEventListener('abort', start)
    clearTimeout(timer)
  }
  return { signal: late.signal, end }
}

function isFresh({ expiresAt = Infinity }: Pick<Credential, 'expiresAt'>, now: number): boolean {
  return expiresAt - now > EXPIRY_WINDOW_MS
}

function isMeant(login: StoredLogin, account: string | undefined): boolean {
  return account === undefined ? login.current : login.account === account
}
