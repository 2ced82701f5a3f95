/** What calls are made with: the header of what is presented, renewed in time, and the key that it may be bound to. */
import { Fault } from '../contract/fault.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Secret } from '../redact/secret.ts'
import type { StoredCredential, StoredLogin } from '../store/store-interface.ts'
import { authorizationOf, type Presentable } from './build-authorization-header.ts'
import { freshCredential, type RefreshContext, renewCredential } from './refresh-login.ts'
import type { Presented } from './resolve-server-and-credential.ts'

/** What calls are made with, renewed in time. */
export interface Authorization {
  /**
   * The bearer token, refreshed if need be; undefined where there is none to present.
   * @throws Fault `credentials_expired`, `unreachable`; `unauthenticated` for Basic credentials.
   */
  bearer: () => Promise<Secret | undefined>
  /** The value of the `Authorization` header; undefined where there is nothing to present. */
  authorization: () => Promise<Secret | undefined>
  /**
   * Another header, after the server has called this one an invalid token; undefined where there is none.
   * @throws Fault `credentials_expired`, `unreachable`.
   */
  renewed: (refused: Secret) => Promise<Secret | undefined>
  /** How to send with a header whose token is bound to a key (RFC 9449); undefined for any other header. */
  proving: (authorization: Secret) => Promise<Fetch | undefined>
}

/** Nothing of it sends anything before it is asked for. */
export function presentedAuthorization(
  presented: Exclude<Presented, { kind: 'workload' }>,
  login: StoredLogin | undefined,
  context: RefreshContext | undefined,
): Authorization {
  switch (presented.kind) {
    case 'bearer': {
      const { token } = presented
      return { ...nothing, bearer: async () => token, authorization: async () => authorizationOf({ token }) }
    }
    case 'basic': {
      const { username, password } = presented.credentials
      const bearer = () => Promise.reject(noToken())
      const header = authorizationOf({ token: password, username })
      return { ...nothing, bearer, authorization: async () => header }
    }
    case 'stored':
      if (login !== undefined && context !== undefined) return storedAuthorization(login, context)
      break
    case 'none':
      break
  }
  return nothing
}

/** What calls with a stored login are made with. */
function storedAuthorization(login: StoredLogin, context: RefreshContext): Authorization {
  // Calls of one process that run side by side share one refresh.
  const fresh = shared(() => freshCredential(login.server, context, login.account))
  const again = shared(async () => {
    const stored = await context.store.read(login.server, login.account)
    return stored === undefined ? undefined : renewCredential(stored, context)
  })
  const keys = boundKeys(context)
  const headerOf = (credential: StoredCredential | undefined) => {
    const header = credential && authorizationOf(presentable(credential))
    if (header !== undefined) keys.note(header, credential?.dpopKey)
    return header
  }
  return {
    bearer: async () => {
      if (login.kind === 'basic') throw noToken()
      return (await fresh())?.token
    },
    authorization: async () => headerOf(await fresh()),
    proving: keys.proving,
    renewed: async (refused) => {
      if (!login.renewable) return undefined
      const stored = headerOf(await context.store.read(login.server, login.account))
      const next = stored?.reveal() === refused.reveal() ? headerOf(await again()) : stored
      return next?.reveal() === refused.reveal() ? undefined : next
    },
  }
}

/** The keys that the tokens of one login's headers are bound to: one, but for a login that replaces it meanwhile. */
function boundKeys(context: Pick<RefreshContext, 'fetch' | 'clock'>) {
  const keyOf = new Map<string, Secret>()
  const fetchOf = new Map<string, Promise<Fetch>>()
  const load = async (key: Secret) => (await import('../flows/dpop/dpop.ts')).provingFetch(key, context)
  return {
    note: (header: Secret, key: Secret | undefined) => {
      if (key !== undefined) keyOf.set(header.reveal(), key)
    },
    proving: async (header: Secret): Promise<Fetch | undefined> => {
      const key = keyOf.get(header.reveal())
      if (key === undefined) return undefined
      // One for each key, as it remembers the server's nonces.
      const loaded = fetchOf.get(key.reveal()) ?? load(key)
      fetchOf.set(key.reveal(), loaded)
      return loaded
    },
  }
}

/** Where there is no credential, nor another one in place of a refused one. */
async function never(): Promise<undefined> {}

const nothing: Authorization = { bearer: never, authorization: never, renewed: never, proving: never }

/** A user name counts for Basic alone, whatever else is stored. */
function presentable({ kind, token, username = '', dpopKey }: StoredCredential): Presentable {
  return kind === 'basic' ? { token, username } : { token, dpopKey }
}

function noToken(): Fault {
  return new Fault('unauthenticated', 'Basic credentials have no token')
}

/** One call of `work` at a time: callers meanwhile get its result. */
export function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | undefined
  return () => {
    pending ??= work().finally(() => (pending = undefined))
    return pending
  }
}
