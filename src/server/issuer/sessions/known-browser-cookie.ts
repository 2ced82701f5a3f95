/** The cookie by which a browser is known again that was let in to an account before. */
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { parseJson } from '../../../platform/parse-json.ts'
import type { Seal } from '../seal-under-session-secret.ts'

/**
 * Not a credential: it lets nobody in. Password attempts of such a browser are counted by themselves, so that others who
 * guess at the account cannot keep its owner out.
 */
export interface KnownBrowsers {
  /** The browser's name, if it was let in to this account. */
  find(cookieHeader: string | null, account: string): string | undefined
  /** The `Set-Cookie` line for a browser that was let in now. */
  remember(account: string): string
}

const MAX_AGE_SECONDS = 365 * 24 * 60 * 60
const content = v.object({ name: v.string(), account: v.string() })

/** @param secure whether browsers reach the server by https */
export function openKnownBrowsers(seal: Seal, secure: boolean): KnownBrowsers {
  const cookie = secure ? '__Secure-fob_known' : 'fob_known'
  return {
    find: (header, account) => {
      for (const pair of (header ?? '').split(';')) {
        const [name, value = ''] = pair.trim().split('=', 2)
        const plain = name === cookie ? seal.open(Buffer.from(value, 'base64url'), cookie) : undefined
        const opened = v.safeParse(content, plain && parseJson(plain.toString()))
        if (opened.success && opened.output.account === account) return opened.output.name
      }
      return undefined
    },
    remember: (account) => {
      const plain = JSON.stringify({ name: randomBytes(12).toString('base64url'), account })
      const value = seal.seal(Buffer.from(plain), cookie).toString('base64url')
      const attributes = `path=/auth/login; max-age=${MAX_AGE_SECONDS}; httponly; samesite=lax`
      return `${cookie}=${value}; ${attributes}${secure ? '; secure' : ''}`
    },
  }
}
