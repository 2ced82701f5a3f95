/** How a person can be named: by an e-mail, a login at a provider, the provider's ID for them, or our own. */
import { Fault } from '../../../contract/fault.ts'
import { checkEmail } from '../email-and-password-rules.ts'
import { LOCAL } from '../local-accounts.ts'
import { IDENTITY_PROVIDER_NAMES } from '../user-types.ts'

export type PersonName =
  /** Our own ID, `usr_…`. */
  | { kind: 'id'; id: string }
  /** Without a provider, whoever vouches for it. */
  | { kind: 'email'; email: string; provider: string | undefined }
  /** What the person is called at the provider, in lower case. They can change it, and somebody else can take it. */
  | { kind: 'login'; login: string; provider: string | undefined }
  /** The provider's own ID: never given to anybody else. */
  | { kind: 'account'; provider: string; subject: string }

/** Providers with logins that are unique there. What Microsoft calls one is text that anybody can set. */
export const LOGIN_PROVIDERS: ReadonlySet<string> = new Set(['github', 'gitlab'])
const PROVIDERS: ReadonlySet<string> = new Set([LOCAL, ...IDENTITY_PROVIDER_NAMES])
const MAX_CHARACTERS = 320
const FORMS = 'an e-mail, github:LOGIN, gitlab:LOGIN, PROVIDER:ID, or an ID (usr_…)'

/** @throws Fault `usage` for what names nobody in any of these ways */
export function parsePersonName(text: string): PersonName {
  const name = text.trim()
  if (name === '' || name.length > MAX_CHARACTERS || /[\s\p{Cc}]/u.test(name)) throw noName(text)
  if (/^usr_./.test(name) && !name.includes('@')) return { kind: 'id', id: name }
  const colon = name.indexOf(':')
  if (colon < 0) return atProvider(undefined, name)
  const provider = name.slice(0, colon).toLowerCase()
  if (!PROVIDERS.has(provider)) throw noName(text)
  return atProvider(provider, name.slice(colon + 1))
}

function atProvider(provider: string | undefined, rest: string): PersonName {
  const name = rest.replace(/^@/, '')
  if (name === '') throw noName(rest)
  if (name.includes('@')) return { kind: 'email', email: checkEmail(name), provider }
  if (provider === undefined) return { kind: 'login', login: checkLogin(name), provider }
  // Logins of digits alone exist, but digits have always meant the ID here, which is the safer of the two.
  if (!LOGIN_PROVIDERS.has(provider) || /^\d+$/.test(name))
    return { kind: 'account', provider, subject: rest }
  return { kind: 'login', login: checkLogin(name), provider }
}

function checkLogin(login: string): string {
  if (/^[\w.-]{1,255}$/.test(login)) return login.toLowerCase()
  throw noName(login)
}

function noName(text: string): Fault {
  return new Fault('usage', `${JSON.stringify(text.slice(0, 80))} does not name a person`, {
    hint: `name one by ${FORMS}`,
  })
}

/** A name as it can be typed again. */
export function personText(name: PersonName): string {
  if (name.kind === 'id') return name.id
  if (name.kind === 'account') return `${name.provider}:${name.subject}`
  const text = name.kind === 'email' ? name.email : name.login
  return name.provider === undefined ? text : `${name.provider}:${text}`
}
