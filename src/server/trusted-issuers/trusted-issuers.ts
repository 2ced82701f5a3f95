/**
 * Owns: whether a JWT of a trusted issuer is good here, as whom, and the short-lived tokens that one is exchanged for.
 * Refuses: every token that no entry of the settings lets in, and says why to the log alone; to let an issuer that is
 * slow or down hold up anything but its own tokens. What the caller then is, is for `auth/` to say.
 */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { openRemembered } from '../db/cache-until-change.ts'
import type { Db } from '../db/open-database.ts'
import type { Seal } from '../issuer/seal-under-session-secret.ts'
import type { Log } from '../log.ts'
import { type ClaimCheck, createClaimCheck, LEEWAY_SECONDS, type SignedClaims } from './check-claims.ts'
import { EXCHANGED_SECONDS, openExchangedTokens } from './exchanged-tokens.ts'
import { type IssuerKeys, type KeySet, openIssuerKeys } from './issuer-keys.ts'
import { openReach } from './tenant-and-pipelines.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'
import { verifyJwt } from './verify-jwt.ts'

/** A program that is let in: a job of a CI, a service of a cluster. */
export interface Workload {
  /** The entry of the settings that lets it in. */
  issuer: TrustedIssuer
  /** The `sub` of its token. */
  subject: string
  /** By which token: the issuer's own, or one of ours that it was exchanged for. */
  token: { kind: 'jwt' | 'exchanged'; id: string }
  tenant: { id: string; slug: string }
  scopes: readonly Scope[]
  /** IDs of the only pipelines; null: all. */
  pipelines: ReadonlySet<string> | null
}

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

export interface TrustedIssuersDeps {
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

/** A request's header has 16 KiB at most. */
const MAX_TOKEN_CHARACTERS = 16 * 1024
/** Of what strangers send, in the log. */
const MAX_SHOWN = 200

interface Remembered {
  workload: Workload
  /** Seconds since 1970. */
  notAfter: number
  /** Undefined: it is a token of ours. */
  by: { keys: IssuerKeys; set: KeySet } | undefined
}

interface Entry {
  issuer: TrustedIssuer
  check: ClaimCheck
}

/** @throws Fault `config` naming the entry whose rule is not valid */
export function openTrustedIssuers(
  issuers: readonly TrustedIssuer[],
  deps: TrustedIssuersDeps,
): TrustedIssuers {
  const { db, clock, log, onVerified = () => {} } = deps
  const entries = issuers.map((issuer): Entry => ({ issuer, check: checkOf(issuer) }))
  const keys = keysByIssuer(issuers, deps)
  const remembered = openRemembered<Remembered>(db)
  const reachOf = openReach(db)
  const exchanged = openExchangedTokens(issuers, deps)

  const known = (token: string): Workload | undefined => {
    const found = remembered.find(token)
    if (found === undefined || clock.now() / 1000 >= found.notAfter) return undefined
    return found.by === undefined || found.by.keys.isCurrent(found.by.set) ? found.workload : undefined
  }

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

  /** What the first entry gives that lets these claims in; a text says why none does. */
  const admit = (iss: string, claims: SignedClaims, id: string): Workload | string => {
    const whys = new Set<string>()
    for (const { issuer, check } of entries.filter((entry) => entry.issuer.issuer === iss)) {
      const why = check(claims, clock.now() / 1000)
      const reach = why === undefined ? reachOf(issuer) : undefined
      if (reach !== undefined) {
        return { issuer, subject: claims.sub, token: { kind: 'jwt', id }, scopes: issuer.scopes, ...reach }
      }
      whys.add(why ?? `there is no tenant ${issuer.tenant}`)
    }
    return [...whys].join('; ')
  }

  const verify: TrustedIssuers['verify'] = async (token, by) => {
    const iss = issuerOf(token)
    const its = keys.get(iss ?? '')
    if (iss === undefined || its === undefined) {
      return refuse(token, 'its issuer is not a trusted one', by)
    }
    const verified = await verifyJwt(token, { issuer: iss, keys: its, now: () => clock.now() })
    if (verified.kind === 'refused') return refuse(token, verified.why, by)
    const { claims, keys: set } = verified
    let why = ''
    const found = remembered.put(token, () => {
      const workload = admit(iss, claims, tokenId(claims, token))
      if (typeof workload !== 'string') {
        return { workload, notAfter: claims.exp + LEEWAY_SECONDS, by: { keys: its, set } }
      }
      why = workload
      return undefined
    })
    if (found === undefined) return refuse(token, why, by, claims.sub)
    onVerified('accepted')
    return found.workload
  }

  const verifyExchanged: TrustedIssuers['verifyExchanged'] = (token) => {
    const before = known(token)
    if (before !== undefined) return before
    const opened = exchanged.open(token)
    if (opened === undefined) return undefined
    const { issuer, subject, scopes, id, expiresAt } = opened
    const found = remembered.put(token, () => {
      const reach = reachOf(issuer)
      if (reach === undefined) return undefined
      const workload: Workload = { issuer, subject, token: { kind: 'exchanged', id }, scopes, ...reach }
      return { workload, notAfter: expiresAt, by: undefined }
    })
    return found?.workload
  }

  const exchange: TrustedIssuers['exchange'] = async (token, asked, by) => {
    const of = known(token) ?? (await verify(token, by))
    if (of === undefined) return { kind: 'refused' }
    const scopes = asked ?? of.scopes
    if (!scopes.every((scope) => of.scopes.includes(scope))) return { kind: 'scopes refused' }
    const issued = exchanged.issue({ issuer: of.issuer, subject: of.subject, scopes })
    return { kind: 'issued', ...issued, expiresIn: EXCHANGED_SECONDS, scopes, of }
  }

  const fetchKeys = async () => {
    await Promise.all([...keys.values()].map((each) => each.current()))
  }

  return { fetchKeys, known, verify, verifyExchanged, exchange }
}

/** Several entries of one issuer have its keys in common, unless they say otherwise where those are: the first counts. */
function keysByIssuer(issuers: readonly TrustedIssuer[], deps: TrustedIssuersDeps): Map<string, IssuerKeys> {
  const keys = new Map<string, IssuerKeys>()
  for (const { issuer, keysUrl } of issuers) {
    if (!keys.has(issuer)) keys.set(issuer, openIssuerKeys({ issuer, keysUrl }, deps))
  }
  return keys
}

function checkOf(issuer: TrustedIssuer): ClaimCheck {
  try {
    return createClaimCheck(issuer)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Fault('config', `the trusted issuer ${issuer.name}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  }
}

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
