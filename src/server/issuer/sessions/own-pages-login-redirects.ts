/** Logging in to our own pages. */
import { PAGES_CLIENT } from '../first-party-clients.ts'
import { PAGES_RETURN } from '../protocol-page-paths.ts'
import type { Seal } from '../seal-under-session-secret.ts'

/** Logging in to our own pages: by the OAuth protocol like everybody, as a client that asks for no token. */
export interface PagesLogin {
  /**
   * Where to send a browser that shall log in and then go to `next`.
   * @param again shows the login page also to a browser that is logged in, perhaps as somebody else
   */
  authorizeUrl(next: string, again?: boolean): string
  /** Where a browser goes that has come back: the `next` of `authorizeUrl`, from the `state` we sealed. */
  next(state: string | null): string
}

/** After a login that was asked for without a destination. */
const HOME = '/settings/sessions'

export function openPagesLogin({ url, seal }: { url: string; seal: Seal }): PagesLogin {
  return {
    authorizeUrl: (next, again = false) => {
      const query = new URLSearchParams({
        client_id: PAGES_CLIENT,
        response_type: 'none',
        redirect_uri: url + PAGES_RETURN,
        scope: 'openid',
        ...(again ? { prompt: 'login' } : {}),
        // Only we can make one, so the address behind it cannot be anybody's (open redirect).
        state: seal.seal(Buffer.from(ownPath(url, next)), 'next').toString('base64url'),
      })
      return `/oauth/authorize?${query.toString()}`
    },
    next: (state) => {
      const plain = state === null ? undefined : seal.open(Buffer.from(state, 'base64url'), 'next')
      return ownPath(url, plain?.toString() ?? '')
    },
  }
}

/** The path and query of an address on this server; anything else is sent home. */
function ownPath(url: string, next: string): string {
  // Browsers read "//x", "/\x" and tabs in between as another host.
  if (!/^\/(?![/\\])[^\\\p{Cc}\s]*$/u.test(next) || next.length > 500) return HOME
  const target = URL.parse(next, url)
  return target?.origin === url ? target.pathname + target.search : HOME
}
