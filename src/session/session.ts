/**
 * "A valid credential for this server, please": ties together which server, which credential and which
 * tenant, refreshes in time, and hands out the header. It refuses to print, to prompt and to log in.
 */
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Env } from '../platform/process.ts'
import { Secret } from '../redact/secret.ts'
import type { Settings } from '../settings/settings.ts'
import type { Store, StoredLogin } from '../store/store.ts'
import { freshCredential } from './refresh.ts'
import {
  type Presented,
  resolvePresented,
  resolveServer,
  resolveTenant,
  type ServerChoice,
} from './resolve.ts'

export interface SessionOptions {
  flags: {
    server: string | undefined
    tenant: string | undefined
    authToken: string | undefined
    jwtToken: string | undefined
  }
  env: Env
  settings: Settings
  store: Store
  clock: Clock
  fetch: typeof fetch
  signal: AbortSignal
  /** Takes a line that the user should see. */
  warn: (line: string) => void
}

export interface Session {
  server: ServerChoice
  /** The slug for `X-Tenant`. */
  tenant: string | undefined
  /** What will be presented, decided without waking the keychain. */
  presented: Presented
  /** The stored login for this server, whether it is what is presented or not. */
  login: StoredLogin | undefined
  /**
   * The bearer token, refreshed if need be; undefined where there is none to present.
   * @throws Fault `credentials_expired`, `unreachable`.
   */
  bearer: () => Promise<Secret | undefined>
  /** The value of the `Authorization` header; undefined where there is nothing to present. */
  authorization: () => Promise<Secret | undefined>
}

/** @throws Fault `usage` or `config` on contradictory or unreadable input. Sends nothing. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { flags, env, settings, store, clock } = options
  const logins = await store.list()
  const server = await resolveServer({ flag: flags.server, env, settings, stored: async () => logins })
  const login = logins.find((l) => l.server === server.url)
  const presented = resolvePresented({
    authToken: flags.authToken,
    jwtToken: flags.jwtToken,
    env,
    hasStored: login !== undefined,
    basic: server.basic,
    now: clock.now(),
  })
  // A tenant captured at another login says nothing about a token that was given for this call.
  const captured = presented.kind === 'stored' ? login?.tenant : undefined
  const tenant = resolveTenant({ flag: flags.tenant, env, settings, server: server.url, captured })
  const bearer = bearerOf(presented, server.url, options)
  return {
    server,
    tenant,
    presented,
    login,
    bearer,
    authorization: async () => {
      if (presented.kind === 'basic') return basicHeader(presented.credentials)
      const token = await bearer()
      return token === undefined ? undefined : new Secret(`Bearer ${token.reveal()}`)
    },
  }
}

/** What a command says when it needs a credential and there is none, before anything is sent. */
export function notLoggedIn(server: string): Fault {
  return new Fault('unauthenticated', `not logged in to ${server}`, {
    hint: `run fob auth login -s ${server}`,
  })
}

function bearerOf(presented: Presented, server: string, options: SessionOptions): Session['bearer'] {
  if (presented.kind === 'bearer') return async () => presented.token
  if (presented.kind !== 'stored') return async () => undefined
  // Calls of one process that run side by side share one refresh.
  let pending: Promise<Secret | undefined> | undefined
  return () => {
    pending ??= freshCredential(server, options)
      .then((credential) => credential?.token)
      .finally(() => (pending = undefined))
    return pending
  }
}

function basicHeader({ username, password }: { username: string; password: Secret }): Secret {
  return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`)
}
