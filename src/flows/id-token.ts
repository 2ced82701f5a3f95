import * as v from 'valibot'
import { present } from '../contract/present.ts'
import { parseJson } from '../platform/json.ts'
import type { Identity } from './flow.ts'

/**
 * ID tokens, which serve one purpose here: the name that is shown where there is no profile. openid-client
 * checks them against the server's metadata. Where that says nothing of them (no discovery, a refresh) they
 * are set aside before openid-client sees them, because it would refuse the whole answer for their sake.
 */

const claimsSchema = v.looseObject({
  aud: v.union([v.string(), v.array(v.string())]),
  exp: v.number(),
})

/** The answer of a token endpoint without its ID token, and that token. Other answers come back as they are. */
export function setAsideIdToken(text: string): { text: string; idToken: string | undefined } {
  const answer = parseJson(text)
  if (!isRecord(answer) || typeof answer.id_token !== 'string') return { text, idToken: undefined }
  const { id_token: idToken, ...rest } = answer
  return { text: JSON.stringify(rest), idToken }
}

/**
 * The claims of an ID token that came straight from the token endpoint, over TLS, which stands in for its
 * signature (OpenID Connect Core §3.1.3.7, 6). Undefined when it is not meant for us or has ended.
 * @param now milliseconds since 1970.
 */
export function claimsOf(
  idToken: string,
  clientId: string,
  now: number,
): Readonly<Record<string, unknown>> | undefined {
  const payload = idToken.split('.')[1] ?? ''
  const parsed = v.safeParse(claimsSchema, parseJson(Buffer.from(payload, 'base64url').toString()))
  if (!parsed.success) return undefined
  const { aud, exp } = parsed.output
  return [aud].flat().includes(clientId) && exp * 1000 > now ? parsed.output : undefined
}

/** Who the claims of an ID token speak of. */
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
