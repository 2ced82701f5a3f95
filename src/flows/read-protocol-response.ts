/** The responses of token, device and revocation endpoints, in the forms that servers really send, as OAuth has them. */
import { present } from '../contract/omit-undefined.ts'
import { parseJson } from '../platform/parse-json.ts'

/** Why a server did not do what it was asked; `error` and `description` are its own words (RFC 6749 §5.2). */
export interface Refusal {
  status: number
  /** Absent where the response is not one of OAuth. */
  error?: string
  description?: string
  /** Seconds, of `Retry-After`. */
  retryAfter?: number
  /** A page for people: it can come from a proxy as well, and says nothing about what was asked. */
  isPage: boolean
}

/** A refusal without the `error` of OAuth; openid-client would only say that it does not understand it. */
export class BareRefusal extends Error {
  readonly refusal: Refusal
  readonly url: string

  constructor(refusal: Refusal, url: string) {
    super('refused without an OAuth error')
    this.name = 'BareRefusal'
    this.refusal = refusal
    this.url = url
  }
}

type Members = Readonly<Record<string, unknown>>

/** What is as good as absent where it is null or empty: servers write it so instead of leaving it out. */
const OPTIONAL: ReadonlySet<string> = new Set(['expires_in', 'scope', 'id_token', 'refresh_token'])

export interface ProtocolResponse {
  response: Response
  /** Set where the response has tokens. */
  tokens?: Members & { access_token: string }
}

/**
 * A response as openid-client takes it. GitHub reports errors under 200 and can send forms instead of JSON; OpenAuth
 * leaves `token_type` out; others write `null` and numbers in quotes.
 * @throws BareRefusal for a refusal without an `error`
 */
export function readProtocolResponse(text: string, response: Response, url: string): ProtocolResponse {
  const { ok, status, headers } = response
  const members = membersOf(text, headers)
  if (members !== undefined && isText(members.access_token) && ok) {
    const tokens = { ...asTokens(members), access_token: members.access_token }
    return { response: jsonResponse(tokens, 200, headers), tokens }
  }
  if (isText(members?.error) && status < 500) {
    return { response: jsonResponse(members, status >= 400 ? status : 400, headers) }
  }
  if (members !== undefined && isText(members.device_code) && ok) {
    return { response: jsonResponse(asDeviceCode(members), 200, headers) }
  }
  if (!ok) throw new BareRefusal(bareRefusal(text, response, members), url)
  return { response: new Response(text === '' ? null : text, { status, headers: new Headers(headers) }) }
}

/** The seconds of a `Retry-After`; its other form, a date, is rare and not read. */
export function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined
}

function asTokens(members: Members): Members {
  const absent = (name: string) => members[name] === null || members[name] === ''
  const kept = Object.entries(members).filter(([name]) => !OPTIONAL.has(name) || !absent(name))
  const { token_type: type, expires_in: lifetime } = members
  return present({
    ...Object.fromEntries(kept),
    // RFC 6749 §5.1 requires it; where it is missing there is only one that it can be.
    token_type: type === undefined || absent('token_type') ? 'bearer' : type,
    expires_in: absent('expires_in') ? undefined : numberOf(lifetime),
  })
}

/** RFC 8628 §3.2, where `interval` and the complete address may be absent. */
function asDeviceCode(members: Members): Members {
  const { interval, verification_uri_complete: complete, expires_in: lifetime } = members
  return present({
    ...members,
    interval: interval === null || interval === '' ? undefined : numberOf(interval),
    verification_uri_complete: complete === null || complete === '' ? undefined : complete,
    expires_in: numberOf(lifetime),
  })
}

function numberOf(value: unknown): unknown {
  return typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value
}

/** The members of a JSON object, or the fields of a form that has what OAuth responses have. */
function membersOf(text: string, headers: Headers): Members | undefined {
  const parsed = parseJson(text)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed }
  const type = headers.get('content-type') ?? ''
  if (parsed !== undefined || isPage(text, type)) return undefined
  const form = new URLSearchParams(text.trim())
  return form.has('access_token') || form.has('error') || form.has('device_code')
    ? Object.fromEntries(form)
    : undefined
}

/** Not the challenge: openid-client would look no further than that (RFC 6749 §5.2 allows both). */
function jsonResponse(members: Members | undefined, status: number, headers: Headers): Response {
  const kept = new Headers(headers)
  for (const name of ['www-authenticate', 'content-length', 'content-encoding']) kept.delete(name)
  kept.set('content-type', 'application/json')
  return new Response(JSON.stringify(members), { status, headers: kept })
}

function bareRefusal(text: string, { status, headers }: Response, members: Members | undefined): Refusal {
  // RFC 9457 says `detail` and `title`, many frameworks `message`; 5xx can have OAuth's members all the same.
  const words = ['error_description', 'detail', 'message', 'title', 'error'].map((name) => members?.[name])
  return present({
    status,
    description: words.find(isText),
    retryAfter: retryAfterOf(headers),
    isPage: isPage(text, headers.get('content-type') ?? ''),
  })
}

function isPage(text: string, type: string): boolean {
  return text !== '' && (/^\s*</.test(text) || /^\s*(?:text\/html|application\/xhtml)/i.test(type))
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
