/**
 * Owns: whether a JWT of a trusted issuer is good here, as whom, and the short-lived tokens that one is exchanged for.
 * Refuses: every token that no entry of the settings lets in, and says why to the log alone; to let an issuer that is
 * slow or down hold up anything but its own tokens. What the caller then is, is for `auth/` to say.
 */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { parseJson } from '../../platform/parse-json.ts'
import type { Db } from '../db/open-database.ts'
import type { Seal } from '../issuer/seal-under-session-secret.ts'
import type { Log } from '../log.ts'
import { openAdmissions, type Workload } from './admit-workload.ts'
import { LEEWAY_SECONDS, type SignedClaims } from './check-claims.ts'
import { EXCHANGED_SECONDS, openExchangedTokens } from './exchanged-tokens.ts'
import { type IssuerKeys, openIssuerKeys } from './issuer-keys.ts'
import { openRememberedWorkloads } from './remembered-workloads.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'
import { verifyJwt } from './verify-jwt.ts'

export interface TrustedIssuers {
  /** Fetches the keys of all issuers, so that the log says at the start whose cannot be had. Never throws. */
  fetchKeys(): Promise<void>
  /** What is remembered of a JWT. At once; undefined: ask `verify`. */
  known(token: string): Workload | undefined
  /** Verifies a JWT. Never throws. @returns undefined for one that is refused; the log says why */
  verify(token: string, by: Sender): Promise<Workload | undefined>
  /** Verifies a token that `exchange` has issued. */
  verifyExchanged(token: string): Workload | undefined
  /**
   * A token of ours for a JWT.
   * @param scopes those that are asked for; undefined: all that the workload has
   */
  exchange(token: string, scopes: readonly Scope[] | undefined, by: Sender): Promise<Exchange>
}

/** Who presents a token, as the log names them. */
interface Sender {
  address: string
  requestId?: string | undefined
}

type Exchange =
  /** @property expiresIn seconds */
  | { kind: 'issued'; token: string; id: string; expiresIn: number; scopes: readonly Scope[]; of: Workload }
  | { kind: 'refused' }
  /** The workload does not have all of them. */
  | { kind: 'scopes refused' }

interface TrustedIssuersDeps {
  db: Db
  clock: Clock
  log: Log
  fetch: Fetch
  /** For exchanged tokens. */
  seal: Seal
  /** Told of every JWT that was verified or refused; one that is remembered is not verified again. */
  onVerified?: (outcome: 'accepted' | 'refused') => void
  /** For one fetch of keys, in milliseconds. */
  timeoutMs?: number
}

/** @throws Fault `config` naming the entry whose rule is not valid */
export function openTrustedIssuers(
  issuers: readonly TrustedIssuer[],
  deps: TrustedIssuersDeps,
): TrustedIssuers {
  const keys = keysByIssuer(issuers, deps)
  const admissions = openAdmissions(issuers, deps)
  const remembered = openRememberedWorkloads(deps)
  const exchanged = openExchangedTokens(issuers, deps)
  const verify = verifier({ keys, admissions, remembered }, deps)

  return {
    verify,
    known: (token) => remembered.find(token),
    fetchKeys: async () => {
      await Promise.all([...keys.values()].map((each) => each.current()))
    },
    verifyExchanged(token) {
      const before = remembered.find(token)
      const opened = before === undefined ? exchanged.open(token) : undefined
      if (opened === undefined) return before
      const { issuer, subject, scopes, id, expiresAt } = opened
      return remembered.put(token, () => {
        const found = admissions.again({ issuer, subject, token: { kind: 'exchanged', id }, scopes })
        return found.kind === 'admitted'
          ? { workload: found.workload, notAfter: expiresAt, by: undefined }
          : undefined
      })
    },
    async exchange(token, asked, by) {
      const before = remembered.find(token)
      // A token of ours is remembered too, once it was presented: exchanged again, it would never end.
      const of = before?.token.kind === 'jwt' ? before : await verify(token, by)
      if (of === undefined) return { kind: 'refused' }
      const scopes = asked ?? of.scopes
      if (!scopes.every((scope) => of.scopes.includes(scope))) return { kind: 'scopes refused' }
      const issued = exchanged.issue({ issuer: of.issuer, subject: of.subject, scopes })
      return { kind: 'issued', ...issued, expiresIn: EXCHANGED_SECONDS, scopes, of }
    },
  }
}

interface Parts {
  keys: ReadonlyMap<string, IssuerKeys>
  admissions: ReturnType<typeof openAdmissions>
  remembered: ReturnType<typeof openRememberedWorkloads>
}

/** Of what strangers send, in the log. */
const MAX_SHOWN = 200

function verifier(
  { keys, admissions, remembered }: Parts,
  { clock, log, onVerified = () => {} }: TrustedIssuersDeps,
): TrustedIssuers['verify'] {
  /** @param subject of a token whose signature is good: what anybody can write does not go into the log */
  const refuse = (
    token: string,
    why: string,
    { address, requestId }: Sender,
    subject?: string,
  ): undefined => {
    onVerified('refused')
    const issuer = (issuerOf(token) ?? '').slice(0, MAX_SHOWN)
    log.warn('a JWT was refused', { issuer, subject, why, address, requestId })
  }

  return async (token, by) => {
    const iss = issuerOf(token) ?? ''
    const its = keys.get(iss)
    if (its === undefined) return refuse(token, 'its issuer is not a trusted one', by)
    const verified = await verifyJwt(token, { issuer: iss, keys: its, now: () => clock.now() })
    if (verified.kind === 'refused') return refuse(token, verified.why, by)
    const { claims, keys: set } = verified
    let why = ''
    const workload = remembered.put(token, () => {
      const found = admissions.byClaims(iss, claims, tokenId(claims, token))
      if (found.kind === 'refused') {
        why = found.why
        return undefined
      }
      const notAfter = claims.exp + LEEWAY_SECONDS
      return { workload: found.workload, notAfter, by: { keys: its, set } }
    })
    if (workload === undefined) return refuse(token, why, by, claims.sub)
    onVerified('accepted')
    return workload
  }
}

/** Several entries of one issuer have its keys in common. The first says where those are. */
function keysByIssuer(issuers: readonly TrustedIssuer[], deps: TrustedIssuersDeps): Map<string, IssuerKeys> {
  const keys = new Map<string, IssuerKeys>()
  for (const { issuer, keysUrl } of issuers) {
    if (!keys.has(issuer)) keys.set(issuer, openIssuerKeys({ issuer, keysUrl }, deps))
  }
  return keys
}

/** A request's header has 16 KiB at most. */
const MAX_TOKEN_CHARACTERS = 16 * 1024

const unverified = v.object({ iss: v.string() })

/** Who a token says has issued it. Not to be believed before its signature is verified. */
function issuerOf(token: string): string | undefined {
  const [, claims = '', ...more] = token.split('.')
  if (more.length !== 1 || token.length > MAX_TOKEN_CHARACTERS) return undefined
  const parsed = v.safeParse(unverified, parseJson(Buffer.from(claims, 'base64url').toString()))
  return parsed.success ? parsed.output.iss : undefined
}

/** The token's own ID, where it has a short one; else its hash: the audit log names the token by it. */
function tokenId({ jti }: SignedClaims, token: string): string {
  if (typeof jti === 'string' && /^[\w.:-]{1,128}$/.test(jti)) return jti
  return createHash('sha256').update(token).digest('hex').slice(0, 32)
}
