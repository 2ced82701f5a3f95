import type { Seal } from './seal.ts'

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
}

/** S19: cookies are encrypted, each bound to its name, so that none can be read, made or exchanged. */
export function cookieJar(seal: Seal, names: CookieNames): CookieJar {
  const ours = new Set(Object.values(names) as string[])
  return {
    toProvider: (header) => {
      const opened: string[] = []
      for (const pair of (header ?? '').split(';')) {
        const [name, value] = split(pair)
        if (!ours.has(name)) continue
        const plain = seal.open(Buffer.from(value, 'base64url'), name)
        if (plain) opened.push(`${name}=${plain.toString()}`)
      }
      return opened.join('; ')
    },
    toBrowser: (setCookie) => {
      const end = setCookie.indexOf(';')
      const [name, value] = split(end < 0 ? setCookie : setCookie.slice(0, end))
      const attributes = end < 0 ? '' : setCookie.slice(end)
      // An empty value is how a cookie is deleted.
      const sealed = value === '' ? '' : seal.seal(Buffer.from(value), name).toString('base64url')
      return `${name}=${sealed}${attributes}`
    },
  }
}

function split(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}
