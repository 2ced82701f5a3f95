import { Fault } from '../contract/fault.ts'
import { Secret } from '../redact/secret.ts'
import type { SettingName } from './setting-names.ts'
import type { SettingValues } from './settings.ts'

/** How callers prove who they are. One of the three, never two (S1 to S3). */
export type Strategy =
  | { kind: 'open' }
  | { kind: 'basic'; username: string; password: Secret }
  | { kind: 'oauth'; localAccounts: boolean; sessionSecret: Secret; callbackUrl: string }

/** 32 bytes: an HMAC-SHA256 key shorter than its output is weaker than it looks (RFC 7518 §3.2). */
const MIN_SESSION_SECRET_BYTES = 32

const VENDORS = ['github', 'gitlab', 'microsoft'] as const

/** @throws Fault `config` naming both settings where two clash, or the one that is missing. */
export function chooseStrategy(values: SettingValues): Strategy {
  const basic = bothSet(values, 'basic-auth-username', 'basic-auth-password')
  const vendor = VENDORS.find((name) =>
    bothSet(values, `oauth-${name}-client-id`, `oauth-${name}-client-secret`),
  )
  const local = values['local-accounts'] === 'true'
  const oauthBy =
    vendor !== undefined ? `--oauth-${vendor}-client-id` : local ? '--local-accounts' : undefined
  if (basic && oauthBy !== undefined) {
    throw new Fault('config', `--basic-auth-username and ${oauthBy} cannot both be set`, {
      hint: 'a server speaks either Basic or OAuth: remove one of the two',
    })
  }
  if (basic) return basicStrategy(values)
  if (vendor !== undefined) {
    throw new Fault('config', `this version cannot log in with ${vendor} yet`, {
      hint: 'use --local-accounts',
    })
  }
  return oauthBy === undefined ? { kind: 'open' } : oauthStrategy(values, oauthBy)
}

/** @throws when only one of the two is set (S17). */
function bothSet(values: SettingValues, first: SettingName, second: SettingName): boolean {
  const [a, b] = [values[first] !== undefined, values[second] !== undefined]
  if (a !== b) {
    throw new Fault('config', `--${a ? first : second} is set but --${a ? second : first} is not`, {
      hint: 'set both or neither',
    })
  }
  return a
}

function basicStrategy(values: SettingValues): Strategy {
  const username = values['basic-auth-username'] ?? ''
  // RFC 7617 §2: the first colon ends the user-id.
  if (username.includes(':')) throw new Fault('config', '--basic-auth-username cannot contain ":"')
  return { kind: 'basic', username, password: new Secret(values['basic-auth-password'] ?? '') }
}

function oauthStrategy(values: SettingValues, oauthBy: string): Strategy {
  const sessionSecret = values['oauth-session-secret']
  const callbackUrl = values['oauth-callback-url']
  if (sessionSecret === undefined) {
    throw new Fault('config', `${oauthBy} needs --oauth-session-secret`, {
      hint: 'make one with: openssl rand -hex 32',
    })
  }
  if (callbackUrl === undefined) {
    throw new Fault('config', `${oauthBy} needs --oauth-callback-url`, {
      hint: 'the address that browsers use, for example https://ci.example.com',
    })
  }
  if (Buffer.byteLength(sessionSecret) < MIN_SESSION_SECRET_BYTES) {
    throw new Fault('config', `--oauth-session-secret is shorter than ${MIN_SESSION_SECRET_BYTES} bytes`, {
      hint: 'make one with: openssl rand -hex 32',
    })
  }
  return {
    kind: 'oauth',
    localAccounts: values['local-accounts'] === 'true',
    sessionSecret: new Secret(sessionSecret),
    callbackUrl: baseUrl(callbackUrl),
  }
}

/** S20: a full base URL without a path. */
function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const bare =
    url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.href === `${url.origin}/` // no path, query, fragment or credentials
  if (!bare) {
    throw new Fault('config', '--oauth-callback-url is the base URL of this server, without a path', {
      hint: 'for example https://ci.example.com',
    })
  }
  return url.origin
}
