/**
 * ID tokens, which serve one purpose here: the name that is shown where there is no profile. openid-client
 * checks them against the server's metadata. Where that says nothing of them (no discovery, a refresh) they
 * are set aside before openid-client sees them, because it would refuse the whole response for their sake.
 */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { parseJson } from '../platform/parse-json.ts'
import type { Identity } from './flow-types.ts'

const claimsSchema = v.looseObject({
  aud: v.union([v.string(), v.array(v.string())]),
  exp: v.number(),
  nonce: v.optional(v.string()),
})

/** The member to which an ID token is moved: openid-client keeps members that it does not know. */
const SET_ASIDE = 'fob_id_token'

/** The text of a token endpoint's response with its ID token under another name. Other texts stay as they are. */
export function setAsideIdToken(text: string): string {
  const response = parseJson(text)
  if (!isRecord(response) || typeof response.id_token !== 'string') return text
  const { id_token: idToken, ...rest } = response
  return JSON.stringify({ ...rest, [SET_ASIDE]: idToken })
}

/** The ID token of a response whose text went through `setAsideIdToken`. */
export function idTokenSetAside(response: Readonly<Record<string, unknown>>): string | undefined {
  const idToken = response[SET_ASIDE]
  return typeof idToken === 'string' ? idToken : undefined
}

/**
 * The claims of an ID token that came straight from the token endpoint, over TLS, which stands in for its
 * signature (OpenID Connect Core §3.1.3.7, 6). Undefined for a token that is not meant for us or has expired.
 * @param now milliseconds since 1970.
 * @param nonce what was sent, where something was: a token without it is not used either.
 * @throws Fault `server_error` for the token of another login.
 */
export function claimsOf(
  idToken: string,
  clientId: string,
  now: number,
  nonce: string | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const payload = idToken.split('.')[1] ?? ''
  const parsed = v.safeParse(claimsSchema, parseJson(Buffer.from(payload, 'base64url').toString()))
  if (!parsed.success) return undefined
  const { aud, exp, nonce: repeated } = parsed.output
  if (nonce !== undefined && repeated !== undefined && nonce !== repeated) {
    throw new Fault('server_error', 'the ID token is not for this login: its "nonce" is wrong')
  }
  const isOurs = [aud].flat().includes(clientId) && (nonce === undefined || repeated === nonce)
  return isOurs && exp * 1000 > now ? parsed.output : undefined
}

/** The user whom the claims of an ID token or of UserInfo name; undefined where they have no subject. */
export function identityOf(claims: Readonly<Record<string, unknown>> | undefined): Identity | undefined {
  const text = (...names: string[]) => names.map((name) => claims?.[name]).find(isText)
  const subject = text('sub')
  if (subject === undefined) return undefined
  return present({
    subject,
    name: text('name', 'nickname', 'preferred_username'),
    email: text('email'),
  })
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
