/** The cookie of a browser that has opened an invitation, from the link until somebody in it has accepted. */
import * as v from 'valibot'
import { cookiesOf } from '../identity-providers/pending-login-cookie.ts'
import type { Seal } from '../seal-under-session-secret.ts'

/** Long enough to find out which account it is for. */
const LIFETIME_MS = 60 * 60_000
const PATH = '/invitation'

/** Which invitation, and to what: that is shown also once it was accepted. Never its secret. */
export interface OpenedInvitation {
  id: string
  tenant: { slug: string; name: string }
}

const schema = v.object({
  at: v.number(),
  id: v.string(),
  tenant: v.object({ slug: v.string(), name: v.string() }),
})

export interface OpenedInvitations {
  /** @returns the cookie line */
  leave(opened: OpenedInvitation): string
  read(cookieHeader: string | null): OpenedInvitation | undefined
  /** The cookie line that ends it. */
  clear: string
}

export function openOpenedInvitations(seal: Seal, secure: boolean, now: () => number): OpenedInvitations {
  // A path that is not "/" rules out `__Host-`.
  const name = secure ? '__Secure-fob_invitation' : 'fob_invitation'
  const attributes = `; path=${PATH}; httponly; samesite=lax${secure ? '; secure' : ''}`
  return {
    leave: (opened) => {
      const value = seal
        .seal(Buffer.from(JSON.stringify({ at: now(), ...opened })), name)
        .toString('base64url')
      return `${name}=${value}; max-age=${LIFETIME_MS / 1000}${attributes}`
    },
    read: (cookieHeader) => {
      const value = cookiesOf(cookieHeader).get(name)
      const plain = value === undefined ? undefined : seal.open(Buffer.from(value, 'base64url'), name)
      if (!plain) return undefined
      const { at, ...opened } = v.parse(schema, JSON.parse(plain.toString()))
      return now() - at > LIFETIME_MS ? undefined : opened
    },
    clear: `${name}=; max-age=0${attributes}`,
  }
}
