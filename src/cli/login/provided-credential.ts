import { Fault } from '../../contract/fault.ts'
import type { TokenSet } from '../../flows/flow.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import type { Secret } from '../../redact/secret.ts'
import { endsSoon, jwtExpiry, requireUsableJwt } from '../../session/jwt-expiry.ts'
import { parseToken } from '../../session/resolve-server-and-credential.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { readSecret, readSecretFromStdin } from '../input/read-secret.ts'
import type { HandedInWay } from './login-method.ts'

/** Credentials that are handed to us: read and held to their shape before anything is sent. */

const MAX_TOKEN_BYTES = 64 * 1024
const MAX_PASSWORD_BYTES = 4096

export interface GivenToken {
  kind: 'token' | 'basic'
  tokens: TokenSet
  /** Of Basic alone. */
  username?: string
}

/**
 * @param say takes warnings; nothing of the credential is in them.
 * @throws Fault `usage` for what cannot be one, `credentials_expired`, `prompt_needed`.
 */
export async function readHandedIn(
  way: HandedInWay,
  { deps, globals, say }: { deps: Deps; globals: Globals; say: (line: string) => void },
): Promise<GivenToken> {
  if (way.kind === 'basic') return readBasic(way.credentials, deps, globals)
  const now = deps.clock.now()
  const token = way.kind === 'token' ? parseToken(way.value, way.flag) : await readPipedToken(deps)
  if (way.kind === 'token') {
    if (way.flag === '--jwt-token') requireUsableJwt(token, way.flag, now)
    say(
      `warning: a token after ${way.flag} stays in the shell's history and shows in the list of processes; ` +
        'next time pipe it into --token-stdin',
    )
  }
  const expiresAt = jwtExpiry(token)
  const warning = endsSoon(expiresAt, now)
  if (warning !== undefined) say(warning)
  return { kind: 'token', tokens: asTokens(token, expiresAt) }
}

/**
 * S222: one token, with at most one line end behind it.
 * @throws Fault `usage` for nothing, several lines, blanks, and more than 64 KiB; `prompt_needed` at a terminal.
 */
async function readPipedToken(deps: Deps): Promise<Secret> {
  if (deps.io.stdin.isTerminal) {
    throw new Fault('prompt_needed', '--token-stdin reads from a pipe, and standard input is a terminal', {
      hint: 'printenv TOKEN | fob auth login --token-stdin',
    })
  }
  const question = { what: 'token on standard input', instead: '--token-stdin', limitBytes: MAX_TOKEN_BYTES }
  const token = await orAborted(readSecretFromStdin(deps, question), deps.signal)
  if (/[\r\n]/.test(token.reveal()))
    throw new Fault('usage', 'standard input holds several lines, not one token')
  if (/^\s|\s$/.test(token.reveal()))
    throw new Fault('usage', 'the token on standard input has blanks around it')
  return parseToken(token.reveal(), 'standard input')
}

/** A user alone in the address asks for the password, which then stands in no history. */
async function readBasic(
  { username, password }: Extract<HandedInWay, { kind: 'basic' }>['credentials'],
  deps: Deps,
  globals: Globals,
): Promise<GivenToken> {
  if (username === '' || username.includes(':')) {
    throw new Fault('usage', 'the user in the server\'s address is empty or holds a ":"')
  }
  const given = password.reveal() === '' ? undefined : password
  const question = {
    what: `password for ${username}`,
    instead: `auth login -s https://${username}@HOST`,
    limitBytes: MAX_PASSWORD_BYTES,
  }
  const secret = given ?? (await orAborted(readSecret(deps, globals, question), deps.signal))
  // oxlint-disable-next-line no-control-regex -- RFC 7617 §2: neither part may hold control characters
  if (/[\u0000-\u001f\u007f]/.test(username + secret.reveal())) {
    throw new Fault('usage', 'a user or password for Basic authentication has no control characters')
  }
  return { kind: 'basic', tokens: asTokens(secret, undefined), username }
}

function asTokens(accessToken: Secret, expiresAt: number | undefined): TokenSet {
  return { accessToken, scopes: [], tokenType: 'bearer', ...(expiresAt === undefined ? {} : { expiresAt }) }
}
