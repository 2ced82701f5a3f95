/** What a server's refusal means: its status and body as a fault. */
import * as v from 'valibot'
import { errorResponse } from '../contract/api/error-body.ts'
import { Fault } from '../contract/fault.ts'
import { parseJson } from '../platform/parse-json.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'

const details = v.looseObject({
  ...errorResponse.entries,
  requiredScopes: v.optional(v.array(v.string())),
  /** Those that the caller may name in `X-Tenant`. */
  tenants: v.optional(v.array(v.string())),
  retryAfter: v.optional(v.number()),
  /** The next step, in the server's words; it may be a few lines (source with a caret under it). */
  hint: v.optional(v.string()),
})

const MAX_HINT_LINES = 4

interface Refusal {
  server: string
  /** What was presented, as a message calls it; undefined where that is not known. */
  credential: string | undefined
  status: number
  /** The text of the response; only its `message` and its `hint` are shown, and those made safe. */
  body: string
  /** Takes out of a text what was sent and must not be shown: servers and proxies may repeat it. */
  redact: (text: string) => string
}

/**
 * A refusal of the server as a fault. For 401, a missing scope and a foreign tenant the next step is ours to tell.
 */
export function refusedBy(refusal: Refusal): Fault {
  const { code, message, hint } = meaningOf(refusal)
  return new Fault(code, message, { hint, status: refusal.status })
}

function meaningOf({ server, credential, status, body, redact }: Refusal): Fault {
  const redacted = (_: string, value: unknown) => (typeof value === 'string' ? redact(value) : value)
  const parsed = v.safeParse(details, parseJson(body, redacted))
  const said = parsed.success ? parsed.output : undefined
  const words = said === undefined ? undefined : safeLine(said.message ?? said.error)
  const hint = said?.hint === undefined ? undefined : safeLines(said.hint)
  if (status === 401) return signatureRefused(said?.error, words) ?? loginNeeded(server, credential)
  if (status === 400) return new Fault('usage', words ?? `${server} responded with 400 bad request`, { hint })
  if (status === 403 && said?.tenants !== undefined) {
    return foreignTenant(words ?? `${server} does not know this tenant for you`, said.tenants)
  }
  // RFC 6750 §3.1, without any words: a server that is not fob's may grant no scope where none was asked for.
  if (status === 403 && said?.error === 'insufficient_scope' && said.message === undefined) {
    return new Fault(
      'forbidden',
      `the token has no scope that ${server} allows this for (insufficient_scope)`,
      {
        hint: 'name the scopes to ask for: fob auth login --scope SCOPE',
      },
    )
  }
  if (status === 403 && said?.error === 'wrong_password') {
    return new Fault('unauthenticated', words ?? 'that password is not right', { hint })
  }
  if (status === 403) {
    const scopes = said?.requiredScopes?.map((s) => safeLine(s, 60)).join(' ')
    return new Fault('forbidden', words ?? `${server} does not allow this`, {
      hint: scopes === undefined || scopes === '' ? hint : withScope(scopes),
    })
  }
  if (status === 404)
    return new Fault('not_found', words ?? `${server} responded with 404 not found`, { hint })
  if (status === 409) return new Fault('conflict', words ?? `${server} responded with 409 conflict`, { hint })
  if (status === 429) {
    const wait = said?.retryAfter
    return new Fault('failed', words ?? `${server} asks to slow down`, {
      hint: hint ?? (wait === undefined ? 'try again later' : `try again in ${wait} s`),
    })
  }
  if (status >= 500)
    return new Fault(
      'server_error',
      `${server} responded with ${status}${words === undefined ? '' : `: ${words}`}`,
      { hint },
    )
  return new Fault('failed', words ?? `${server} responded with ${status}`, { hint })
}

function withScope(scopes: string): string {
  return `use a login that was not narrowed, or a token created with --scope ${scopes}; what neither has, your role does not allow`
}

const MAX_TENANTS_SHOWN = 20

/** A tenant that does not exist, or that the caller is not a member of. @param allowed the caller's own tenants. */
export function foreignTenant(fact: string, allowed: readonly string[]): Fault {
  const shown = allowed.slice(0, MAX_TENANTS_SHOWN).map((slug) => safeLine(slug, 128))
  const more = allowed.length > shown.length ? `, and ${allowed.length - shown.length} more` : ''
  return new Fault('forbidden', fact, {
    hint:
      shown.length === 0
        ? 'you are a member of no tenant there'
        : `yours are: ${shown.join(', ')}${more}; choose one with --tenant or fob tenants use`,
  })
}

/** Keeps the line ends and the spaces in front, which place the caret. */
function safeLines(text: string): string {
  const lines = text.split('\n').slice(0, MAX_HINT_LINES)
  return lines.map((line) => `${/^ */.exec(line)?.[0] ?? ''}${safeLine(line)}`).join('\n')
}

/** The server's codes for a good token in a request that was not signed as it has to be, and what to do. */
const SIGNING_HINTS: ReadonlyMap<string, string> = new Map([
  ['signature_required', 'set FOB_SIGN=1, or sign = true in config.toml'],
  ['signature_expired', 'set the clock of this machine'],
  ['signature_invalid', 'something on the way changes requests, perhaps a proxy that rewrites paths'],
  ['nonce_reused', 'something on the way sends requests twice'],
])

/** @param code `error` of the response. */
function signatureRefused(code: string | undefined, words: string | undefined): Fault | undefined {
  const hint = SIGNING_HINTS.get(code ?? '')
  return hint === undefined
    ? undefined
    : new Fault('signature_refused', words ?? 'the request is not signed', { hint })
}

/** A fixed text: scripts look for its words. The hint says which credential it was. */
function loginNeeded(server: string, credential: string | undefined): Fault {
  const hint =
    credential === undefined
      ? 'no credential was sent; fob auth status shows what is stored'
      : `${credential} was refused: is it complete, meant for this server, and not revoked?`
  return new Fault(
    'unauthenticated',
    `authentication required: server ${server} returned 401 Unauthorized

Please log in first:
  fob auth login -s ${server}

Or provide a token directly:
  export FOB_TOKEN=<token>`,
    { hint },
  )
}
