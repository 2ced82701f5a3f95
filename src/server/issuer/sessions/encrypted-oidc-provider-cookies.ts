/** The provider's cookies, encrypted on their way to the browser. */
import type { Seal } from '../seal-under-session-secret.ts'
import type { CarriedInteractions } from './unanswered-interactions-in-cookies.ts'

/** The provider's three cookies, by what they are for. */
export interface CookieNames {
  session: string
  interaction: string
  resume: string
}

/**
 * `__Host-` (the whole site, this host alone) for the session, `__Secure-` for the two that have a path;
 * neither prefix is possible without TLS (RFC 6265bis §4.1.3).
 */
export function cookieNames(secure: boolean): CookieNames {
  return {
    session: secure ? '__Host-fob_session' : 'fob_session',
    interaction: secure ? '__Secure-fob_interaction' : 'fob_interaction',
    resume: secure ? '__Secure-fob_resume' : 'fob_resume',
  }
}

export interface CookieJar {
  /** A browser's `Cookie` header as the provider reads it: ours, opened; everything else is left out. */
  toProvider(header: string | null): string
  /** A `Set-Cookie` line of the provider as a browser keeps it: its value sealed. */
  toBrowser(setCookie: string): string
  /** The opened value of one of our cookies. */
  read(header: string | null, name: string): string | undefined
  /** A `Set-Cookie` line that deletes a cookie of the whole site. */
  clear(name: string): string
}

/**
 * Cookies are encrypted, each bound to its name, so that none can be read, made or exchanged.
 * @param sessionMaxAge seconds; when a session ends earlier, the server knows
 */
export function cookieJar(
  seal: Seal,
  names: CookieNames,
  { sessionMaxAge, carried }: { sessionMaxAge: number; carried: CarriedInteractions },
): CookieJar {
  const namesInteraction = (name: string) => name === names.interaction || name === names.resume
  const packed = (name: string, value: string) =>
    namesInteraction(name) ? carried.toCookie(value) : Buffer.from(value)
  const unpacked = (name: string, plain: Buffer) =>
    namesInteraction(name) ? carried.fromCookie(plain) : plain.toString()
  const ours = new Set(Object.values(names) as string[])
  const secure = names.session.startsWith('__Host-') ? '; secure' : ''
  /** Using a session prolongs it on the server; a cookie that is not sent again must not end before. */
  const lastingLonger = (name: string, attributes: string) =>
    name === names.session
      ? attributes.replace(/; *expires=(?!Thu, 01 Jan 1970)[^;]+/i, `; max-age=${sessionMaxAge}`)
      : attributes
  return {
    toProvider: (header) => {
      const opened: string[] = []
      for (const pair of (header ?? '').split(';')) {
        const [name, value] = split(pair)
        if (!ours.has(name)) continue
        const plain = seal.open(Buffer.from(value, 'base64url'), name)
        if (plain) opened.push(`${name}=${unpacked(name, plain)}`)
      }
      return opened.join('; ')
    },
    toBrowser: (setCookie) => {
      const end = setCookie.indexOf(';')
      const [name, value] = split(end < 0 ? setCookie : setCookie.slice(0, end))
      const attributes = end < 0 ? '' : lastingLonger(name, setCookie.slice(end))
      // An empty value is how a cookie is deleted.
      const sealed = value === '' ? '' : seal.seal(packed(name, value), name).toString('base64url')
      return `${name}=${sealed}${attributes}`
    },
    read: (header, name) => {
      for (const pair of (header ?? '').split(';')) {
        const [found, value] = split(pair)
        if (found === name) return seal.open(Buffer.from(value, 'base64url'), name)?.toString()
      }
      return undefined
    },
    clear: (name) => `${name}=; path=/; max-age=0; httponly; samesite=lax${secure}`,
  }
}

function split(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}
