/** Reads a credential that the user provides: a token or a password, checked for its form before anything is sent. */
import { Fault } from '../../contract/fault.ts'
import type { TokenSet } from '../../flows/flow-types.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import type { Secret } from '../../redact/secret.ts'
import { endsSoon, jwtExpiry, requireUsableJwt } from '../../session/check-jwt-form-and-expiry.ts'
import { parseToken } from '../../session/resolve-server-and-credential.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { readSecret, readSecretFromStdin } from '../input/read-secret.ts'
import type { ProvidedMethod } from './choose-login-method.ts'

const MAX_TOKEN_BYTES = 64 * 1024
const MAX_PASSWORD_BYTES = 4096

export interface ProvidedCredential {
  kind: 'token' | 'basic'
  tokens: TokenSet
  /** Of Basic alone. */
  username?: string
}

/**
 * @param say takes warnings; nothing of the credential is in them.
 * @throws Fault `usage` for what cannot be one, `credentials_expired`, `prompt_needed`.
 */
export async function readProvidedCredential(
  { method, globals, say }: { method: ProvidedMethod; globals: Globals; say: (line: string) => void },
  deps: Deps,
): Promise<ProvidedCredential> {
  if (method.kind === 'basic') return readBasic(method.credentials, deps, globals)
  const now = deps.clock.now()
  const token = method.kind === 'token' ? parseToken(method.value, method.flag) : await readPipedToken(deps)
  if (method.kind === 'token') {
    if (method.flag === '--jwt-token') requireUsableJwt(token, method.flag, now)
    say(
      `warning: a token after ${method.flag} stays in the shell's history and shows in the list of processes; ` +
        'next time pipe it into --token-stdin',
    )
  }
  const expiresAt = jwtExpiry(token)
  const warning = endsSoon(expiresAt, now)
  if (warning !== undefined) say(warning)
  return { kind: 'token', tokens: asTokens(token, expiresAt) }
}

/**
 * One token. Blanks, a byte order mark and one line end around it are cut: shells and editors add them.
 * @throws Fault `usage` for nothing, several lines, blanks inside, and more than 64 KiB; `prompt_needed` at a terminal.
 */
async function readPipedToken(deps: Deps): Promise<Secret> {
  if (deps.io.stdin.isTerminal) {
    throw new Fault('prompt_needed', '--token-stdin reads from a pipe, and standard input is a terminal', {
      hint: 'printenv TOKEN | fob auth login --token-stdin',
    })
  }
  const question = { what: 'token on standard input', instead: '--token-stdin', limitBytes: MAX_TOKEN_BYTES }
  const token = await orAborted(readSecretFromStdin(deps, question), deps.signal)
  const given = token.reveal().replace(/^\uFEFF/, '')
  // One line end behind the token was cut already, unless blanks stood behind it.
  const text = given.replace(/(?:\r?\n)?[ \t]+$/, '').trimStart()
  if (/[\r\n]/.test(text)) throw new Fault('usage', 'standard input holds several lines, not one token')
  return parseToken(text, 'standard input')
}

/** Where the address has a user and no password, asks for it: then the shell history does not have it. */
async function readBasic(
  { username, password }: Extract<ProvidedMethod, { kind: 'basic' }>['credentials'],
  deps: Deps,
  globals: Globals,
): Promise<ProvidedCredential> {
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
