/** The cookie that says who has just come back from an identity provider. */
import * as v from 'valibot'
import type { Seal } from '../seal-under-session-secret.ts'
import { cookiesOf } from './pending-login-cookie.ts'

/** From the identity provider's response to our login page: two redirects. */
const LIFETIME_MS = 60_000
const PATH = '/auth/login'

const schema = v.object({ at: v.number(), userId: v.string(), uid: v.nullable(v.string()) })

export interface Arrivals {
  /** @param uid the login page that it is for; null: one of our own pages, whose ID is not known yet. */
  leave(userId: string, uid: string | null): string
  /** Who has just come back from an identity provider in this browser. `clear` is the cookie line that ends it. */
  read(cookieHeader: string | null): { userId: string; uid: string | null; clear: string } | undefined
}

/** What a browser brings from an identity provider's callback to the login page that continues: a sealed cookie. */
export function openArrivals(seal: Seal, secure: boolean, now: () => number): Arrivals {
  // A path that is not "/" rules out `__Host-`.
  const name = secure ? '__Secure-fob_arrival' : 'fob_arrival'
  const attributes = `; path=${PATH}; httponly; samesite=lax${secure ? '; secure' : ''}`
  return {
    leave: (userId, uid) => {
      const plain = Buffer.from(JSON.stringify({ at: now(), userId, uid }))
      const value = seal.seal(plain, name).toString('base64url')
      return `${name}=${value}; max-age=${LIFETIME_MS / 1000}${attributes}`
    },
    read: (cookieHeader) => {
      const value = cookiesOf(cookieHeader).get(name)
      const plain = value === undefined ? undefined : seal.open(Buffer.from(value, 'base64url'), name)
      if (!plain) return undefined
      const { at, ...arrival } = v.parse(schema, JSON.parse(plain.toString()))
      return now() - at > LIFETIME_MS ? undefined : { ...arrival, clear: `${name}=; max-age=0${attributes}` }
    },
  }
}
