/** The cookies of logins that are at an identity provider. */
import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import type { Seal } from '../seal-under-session-secret.ts'
import type { Checks } from './identity-provider-types.ts'
import { IDENTITY_PROVIDER_NAMES, type IdentityProviderName } from '../../accounts/user-types.ts'

/** What a login with an identity provider is for; where it continues afterwards. */
export type Purpose =
  /** A login page of the OAuth protocol. */
  | { kind: 'interaction'; uid: string }
  /** Our own pages. `next` is a path of ours. */
  | { kind: 'page'; next: string }
  /** Accepting an invitation; continues on its page. */
  | { kind: 'invitation'; id: string }
  /** A program on the same machine. `redirectUri` is on loopback. */
  | { kind: 'cli'; redirectUri: string; state: string | null; codeChallenge: string | null }

interface Pending {
  provider: IdentityProviderName
  checks: Checks
  purpose: Purpose
}

/** From the button to the response of the identity provider. */
const LIFETIME_MS = 10 * 60_000
/** In one browser. More would grow past what servers take as headers. */
const MAX_PENDING = 5
const MAX_VALUE = 4096

const schema = v.object({
  at: v.number(),
  /** The provider; the name of a member is the cookie's format. */
  vendor: v.picklist(IDENTITY_PROVIDER_NAMES),
  checks: v.object({
    state: v.string(),
    codeVerifier: v.string(),
    nonce: v.string(),
    redirectUri: v.string(),
  }),
  purpose: v.variant('kind', [
    v.object({ kind: v.literal('interaction'), uid: v.string() }),
    v.object({ kind: v.literal('page'), next: v.string() }),
    v.object({ kind: v.literal('invitation'), id: v.string() }),
    v.object({
      kind: v.literal('cli'),
      redirectUri: v.string(),
      state: v.nullable(v.string()),
      codeChallenge: v.nullable(v.string()),
    }),
  ]),
})

export interface PendingLogins {
  /** @returns the pending login, and the cookies that hold it in the browser. */
  start(
    login: { provider: IdentityProviderName; redirectUri: string; purpose: Purpose },
    cookieHeader: string | null,
  ): { pending: Pending; setCookies: string[] }
  /** The login that this browser started with `state`; undefined when there is none. It cannot be taken again. */
  take(
    state: string | null,
    cookieHeader: string | null,
  ): { pending: Pending; setCookies: string[] } | undefined
}

/**
 * Logins that are at an identity provider, each in a sealed cookie of its own that is named after its `state`: logins
 * in two tabs do not disturb each other, and a response to a login that another browser started finds nothing.
 */
export function pendingLogins(seal: Seal, secure: boolean, now: () => number): PendingLogins {
  const prefix = secure ? '__Host-fob_upstream_' : 'fob_upstream_'
  const attributes = `; path=/; httponly; samesite=lax${secure ? '; secure' : ''}`
  const gone = (name: string) => `${name}=; max-age=0${attributes}`
  const nameOf = (state: string) =>
    prefix + createHash('sha256').update(state).digest('base64url').slice(0, 16)

  return {
    start: ({ provider, redirectUri, purpose }, cookieHeader) => {
      const checks = { state: random(), codeVerifier: random(), nonce: random(), redirectUri }
      const pending = { provider, checks, purpose }
      const name = nameOf(checks.state)
      const plain = Buffer.from(JSON.stringify({ at: now(), vendor: provider, checks, purpose }))
      const value = seal.seal(plain, name).toString('base64url')
      const others = [...cookiesOf(cookieHeader).keys()].filter((other) => other.startsWith(prefix))
      const surplus = others.slice(0, Math.max(0, others.length - MAX_PENDING + 1))
      return {
        pending,
        setCookies: [...surplus.map(gone), `${name}=${value}; max-age=${LIFETIME_MS / 1000}${attributes}`],
      }
    },
    take: (state, cookieHeader) => {
      if (state === null || state === '') return undefined
      const name = nameOf(state)
      const value = cookiesOf(cookieHeader).get(name)
      if (value === undefined || value.length > MAX_VALUE) return undefined
      const plain = seal.open(Buffer.from(value, 'base64url'), name)
      if (!plain) return undefined
      const { at, vendor: provider, checks, purpose } = v.parse(schema, JSON.parse(plain.toString()))
      if (now() - at > LIFETIME_MS || checks.state !== state) return undefined
      return { pending: { provider, checks, purpose }, setCookies: [gone(name)] }
    },
  }
}

export function cookiesOf(header: string | null): Map<string, string> {
  const found = new Map<string, string>()
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0) found.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
  }
  return found
}

function random(): string {
  return randomBytes(32).toString('base64url')
}
