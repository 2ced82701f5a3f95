/** Renewal of a stored login: one refresh for all processes, and the credential in time. */
import { Fault, type FaultCode } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { TokenSet } from '../flows/flow-types.ts'
import type { Refresh } from '../flows/refresh-grant.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Env } from '../platform/processes/own-and-child-environment.ts'
import type { Credential, Store, StoredCredential, StoredLogin } from '../store/store-interface.ts'

/** Within this time of its end a token counts as expired: it could end on the way. */
const EXPIRY_WINDOW_MS = 30_000
/** How long a refresh that has been sent may still take when the command is interrupted. */
const GRACE_AFTER_INTERRUPT_MS = 3_000

export interface RefreshContext {
  store: Store
  /** Where the next ID token of a job is found. */
  env: Env
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
  /** Takes a line that the user should see. */
  warn: (line: string) => void
}

/** The state of a login: `renewable` has expired, or nearly, and can be refreshed. */
export function stateOf(
  login: Pick<StoredLogin, 'expiresAt' | 'renewable' | 'ended' | 'refused'>,
  now: number,
): LoginState {
  if (login.ended === true || login.refused === true) return 'expired'
  if (isFresh(login, now)) return 'valid'
  return login.renewable ? 'renewable' : 'expired'
}
export type LoginState = 'valid' | 'renewable' | 'expired'

/**
 * The stored credential for `server`, refreshed if it ends within 30 seconds.
 * @param account of that server; without it, its current one.
 * @returns undefined where none is stored.
 * @throws Fault `credentials_expired` when it has expired and cannot be refreshed; `unreachable` when it has
 * expired and the server cannot be reached.
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
  if (credential.refused === true) throw refusedBefore()
  if (isFresh(credential, clock.now())) return credential
  try {
    return await renewOnce(credential, context, {
      unneeded: async () => {
        const { account } = credential
        const login = (await store.list()).find((l) => l.server === server && l.account === account)
        return login === undefined || stateOf(login, clock.now()) !== 'renewable'
      },
      isDone: (stored) => isFresh(stored, clock.now()),
      afterRefusal: false,
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
 * Refreshes `used`, however long it would last: it was refused, or the user asks for it. A credential that another
 * process has stored in its place meanwhile is returned instead.
 * @param options.afterRefusal send it also where the server has refused it before: the user asks for that.
 * @throws Fault `credentials_expired` when there is nothing to refresh with, or it is refused.
 */
export function renewCredential(
  used: StoredCredential,
  context: RefreshContext,
  { afterRefusal = false } = {},
): Promise<StoredCredential> {
  return renewOnce(used, context, {
    unneeded: async () => false,
    isDone: (stored) => stored.token.reveal() !== used.token.reveal(),
    afterRefusal,
  })
}

interface Need {
  /** Asked while another process has the lock; must not wake the keychain. */
  unneeded: () => Promise<boolean>
  /** Whether the credential that is stored now is good, so that nothing is sent. */
  isDone: (stored: StoredCredential) => boolean
  /** Whether to send a refresh token that the server has refused, but not as one that is over. */
  afterRefusal: boolean
}

/**
 * One refresh for all processes: take the lock of this login, read the store again, refresh only if it is still
 * needed, save, release. The kernel releases the lock of a holder that is killed between the server's response and
 * the save; the next one sends the same refresh token again, and a server with a grace period (ours has 30 s)
 * responds with the same tokens.
 */
async function renewOnce(
  used: StoredCredential,
  context: RefreshContext,
  { unneeded, isDone, afterRefusal }: Need,
): Promise<StoredCredential> {
  const { store } = context
  const { server, account } = used
  if (!isRenewable(used)) throw credentialsExpired()
  const lock = await store.lockRenewal(server, account, unneeded)
  try {
    const stored = await store.read(server, account)
    // Ended by a logout or a refusal meanwhile: it is not restored.
    if (stored === undefined) throw credentialsExpired()
    if (stored.refused === true && !afterRefusal) throw refusedBefore()
    if (isDone(stored) || lock.kind === 'unneeded') return stored
    return await refreshAndSave(stored, context)
  } finally {
    if (lock.kind === 'ours') lock.release()
  }
}

/** Whether there is something to renew a login with: its refresh token, or the next ID token of its job. */
export function isRenewable({ oauth, refreshToken, workload }: Credential): boolean {
  return oauth !== undefined && (refreshToken !== undefined || workload !== undefined)
}

async function refreshAndSave(stored: StoredCredential, context: RefreshContext): Promise<StoredCredential> {
  const { store, signal } = context
  signal.throwIfAborted()
  // A disk without room for the new token must not cost the old one.
  const room = store.reserve(stored.server, stored.account)
  // From here on the server may have rotated the token: leaving before the new one is saved could lose it.
  const grace = delayed(signal)
  try {
    const refresh = await nextTokens(stored, { ...context, signal: grace.signal })
    if (refresh.kind !== 'renewed') return await endLogin(stored, refresh, store)
    const renewed = renewedBy(stored, refresh.tokens)
    const renewal = await store.renew(stored, renewed, room)
    signal.throwIfAborted()
    if (renewal.kind === 'gone') throw credentialsExpired()
    if (renewal.kind === 'replaced') return await readAgain(stored, store)
    const { fallbackWarning } = await import('./keychain-fallback-warning.ts')
    const warning = fallbackWarning(renewal.saved, store.path)
    if (warning !== undefined) context.warn(warning)
    return renewed
  } finally {
    room.release()
    grace.end()
  }
}

async function nextTokens(stored: StoredCredential, context: RefreshContext): Promise<Refresh> {
  const { oauth, refreshToken, scopes, dpopKey, workload } = stored
  if (workload !== undefined) {
    const { renewByIdToken } = await import('./workload/workload-tokens.ts')
    const tokens = await renewByIdToken({ ...stored, workload }, context).catch(asExpired)
    return { kind: 'renewed', tokens }
  }
  if (oauth === undefined || refreshToken === undefined) throw credentialsExpired()
  const { refreshTokens } = await import('../flows/refresh-grant.ts')
  return refreshTokens(present({ ...oauth, refreshToken, scopes, dpopKey }), context)
}

/** @throws what it was, or for an ID token that is missing or refused, that the login is over, and why */
function asExpired(error: unknown): never {
  if (!(error instanceof Fault) || !NO_ID_TOKEN.has(error.code)) throw error
  throw credentialsExpired([error.message, error.hint].filter((text) => text !== undefined).join('; '))
}
const NO_ID_TOKEN: ReadonlySet<FaultCode> = new Set([
  'unauthenticated',
  'credentials_expired',
  'login_denied',
])

function renewedBy({ refused: _refused, ...stored }: StoredCredential, tokens: TokenSet): StoredCredential {
  return present({
    ...stored,
    token: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? stored.refreshToken,
    scopes: tokens.scopes,
    expiresAt: tokens.expiresAt,
  })
}

/** Ends a login that the server has not renewed, unless another one is stored by now: then that one is the result. */
async function endLogin(
  used: StoredCredential,
  refusal: Exclude<Refresh, { kind: 'renewed' }>,
  store: Store,
): Promise<StoredCredential> {
  const ended = await store.end(used, refusal.kind === 'revoked' ? 'delete' : 'keep')
  if (!ended) return readAgain(used, store)
  throw refusal.kind === 'revoked' ? credentialsExpired() : notRenewed(refusal.fault.message)
}

async function readAgain(used: StoredCredential, store: Store): Promise<StoredCredential> {
  const now = await store.read(used.server, used.account)
  if (now === undefined) throw credentialsExpired()
  return now
}

/** Fact and next step in one line: scripts look for these words. */
export function credentialsExpired(hint?: string): Fault {
  return new Fault('credentials_expired', 'credentials expired — run fob auth login', { hint })
}

/** @param why the server's refusal, which need not be about the token. */
function notRenewed(why: string): Fault {
  return credentialsExpired(`${why.replace(/\.$/, '')}; fob auth refresh asks it once more`)
}

function refusedBefore(): Fault {
  return notRenewed('the server refused to renew this login')
}

/** A signal that is aborted after `signal`, by the grace that a sent refresh has. */
function delayed(signal: AbortSignal): { signal: AbortSignal; end: () => void } {
  const late = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const start = () => {
    timer = setTimeout(() => late.abort(signal.reason), GRACE_AFTER_INTERRUPT_MS)
  }
  signal.addEventListener('abort', start, { once: true })
  const end = () => {
    signal.removeEventListener('abort', start)
    clearTimeout(timer)
  }
  return { signal: late.signal, end }
}

/** Whether a token will not end on the way of what it is sent with now. */
export function isFresh({ expiresAt = Infinity }: { expiresAt?: number }, now: number): boolean {
  return expiresAt - now > EXPIRY_WINDOW_MS
}

function isMeant(login: StoredLogin, account: string | undefined): boolean {
  return account === undefined ? login.current : login.account === account
}
