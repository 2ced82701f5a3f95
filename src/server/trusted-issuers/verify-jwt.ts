/** Verifies the signature of a JWT by the keys of its issuer. */
import type { errors as JoseErrors, JWTPayload } from 'jose'
import { LEEWAY_SECONDS, type SignedClaims } from './check-claims.ts'
import type { IssuerKeys, KeySet } from './issuer-keys.ts'

/** Keys that are published alone: with a shared secret, who can verify can also sign. Never `none`. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** What is a token for calling somebody. A logout token or a proof (RFC 8725 §3.11) of the same issuer is none. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'])

export type Verified =
  | { kind: 'verified'; claims: SignedClaims; keys: KeySet }
  /** @property why for the log of the server */
  | { kind: 'refused'; why: string }

/** Never throws. @param now milliseconds since 1970 */
export async function verifyJwt(
  token: string,
  { issuer, keys, now }: { issuer: string; keys: IssuerKeys; now(): number },
): Promise<Verified> {
  const found = await keys.current()
  if (found.kind === 'none') return { kind: 'refused', why: `its issuer's keys are not known: ${found.why}` }
  const { errors, jwtVerify } = await import('jose')
  const verify = async (set: KeySet): Promise<Verified> => {
    const { payload, protectedHeader } = await jwtVerify(token, set.find, {
      issuer,
      algorithms: ALGORITHMS,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now()),
    })
    const { typ = 'JWT' } = protectedHeader
    if (!TYPES.has(typ.toLowerCase())) return { kind: 'refused', why: 'its typ is not that of such a token' }
    return hasSubject(payload)
      ? { kind: 'verified', claims: payload, keys: set }
      : { kind: 'refused', why: 'its sub is not a name' }
  }
  try {
    return await verify(found.set)
  } catch (error) {
    const others = error instanceof errors.JWKSNoMatchingKey ? await keys.after(found.set) : undefined
    if (others === undefined) return { kind: 'refused', why: whyRefused(error, errors) }
    return verify(others).catch((second: unknown) => ({ kind: 'refused', why: whyRefused(second, errors) }))
  }
}

/** A name as people can read it: it is shown in lists of runs and in the audit log. */
function hasSubject(claims: JWTPayload): claims is SignedClaims {
  const { sub, exp } = claims
  return typeof exp === 'number' && typeof sub === 'string' && /^\P{C}{1,255}$/u.test(sub)
}

function whyRefused(error: unknown, errors: typeof JoseErrors): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.reason === 'missing' ? `it has no ${error.claim}` : `its ${error.claim} does not fit`
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not accepted'
  if (error instanceof errors.JWKSNoMatchingKey) return 'its issuer has no such key'
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'several keys of its issuer could be meant'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  return 'it is not a JWT that can be verified'
}
