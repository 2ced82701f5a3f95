/**
 * Tokens with a prefix as credentials: scoped tokens (`ci_`), service tokens (`st_`), download tokens (`dl_`), and those
 * that JWTs of trusted issuers were exchanged for (`wl_`).
 */
import type { DownloadTokens } from '../accounts/download-tokens.ts'
import type { Nonces } from '../accounts/used-signature-nonces.ts'
import type { ServiceKeys } from '../accounts/service-keys.ts'
import type { CliTokens, VerifiedCliToken } from '../accounts/scoped-tokens.ts'
import type { Principal } from '../access-rules/principal.ts'
import {
  type Admitted,
  type AuthenticationOutcome,
  NOT_AUTHENTICATED,
} from './authentication-outcome-type.ts'
import { derived } from './compute-once-per-object.ts'
import { type Eventually, whenThere } from './value-or-promise.ts'
import { machine, userPrincipal, workloadPrincipal } from './create-principal.ts'
import { EXCHANGED_PREFIX } from '../trusted-issuers/exchanged-tokens.ts'
import type { TrustedIssuers } from '../trusted-issuers/trusted-issuers.ts'
import { checkSignature, type SignedRequest } from './check-request-signature.ts'

/** Runner tokens and service keys are not bearer tokens: they have headers of their own. */
export interface TokenBearers {
  /** Whether the token has one of our prefixes. No other part of the server then has to verify it. */
  knows(token: string): boolean
  authenticate(token: string, request: SignedRequest): Eventually<AuthenticationOutcome>
}

const PREFIXES: ReadonlySet<string> = new Set(['ci_', 'rn_', 'sk_', 'st_', 'dl_', EXCHANGED_PREFIX])

export function tokenBearers(deps: {
  cliTokens: CliTokens
  serviceKeys: ServiceKeys
  downloads: DownloadTokens
  nonces: Nonces
  /** Undefined: no other issuer is trusted. */
  trusted?: Pick<TrustedIssuers, 'verifyExchanged'> | undefined
  /** Milliseconds since 1970. */
  now(): number
}): TokenBearers {
  const admitted = derived(admittedCli)
  const workload = derived(workloadPrincipal)
  const parts = { ...deps, admitted }
  return {
    knows: (token) => PREFIXES.has(token.slice(0, 3)),
    authenticate(token, request) {
      switch (token.slice(0, 3)) {
        case 'ci_':
          return authenticateCli(token, request, parts)
        case 'st_':
          return outcomeOf(servicePrincipal(token, deps.serviceKeys))
        case 'dl_':
          return outcomeOf(downloadPrincipal(token, request, deps.downloads))
        case EXCHANGED_PREFIX: {
          const found = deps.trusted?.verifyExchanged(token)
          return outcomeOf(found && workload(found))
        }
        default:
          return NOT_AUTHENTICATED
      }
    },
  }
}

function outcomeOf(principal: Principal | undefined): AuthenticationOutcome {
  return principal === undefined ? NOT_AUTHENTICATED : { kind: 'admitted', principal }
}

interface CliParts {
  cliTokens: CliTokens
  nonces: Nonces
  now(): number
  admitted(verified: VerifiedCliToken): Admitted
}

function authenticateCli(
  text: string,
  request: SignedRequest,
  { cliTokens, nonces, now, admitted }: CliParts,
): Eventually<AuthenticationOutcome> {
  const verified = cliTokens.verify(text)
  if (verified === undefined) return NOT_AUTHENTICATED
  const { id, signatureRequired } = verified.token
  const checked = checkSignature({ token: { text, id, signatureRequired }, request, now, nonces })
  return whenThere(checked, (refusal) => refusal ?? admitted(verified))
}

function admittedCli({ token, user }: VerifiedCliToken): Admitted {
  const principal = userPrincipal(user, {
    kind: 'token',
    scopes: token.scopes,
    credential: { kind: 'token', id: token.id, name: token.name },
    pipelines: token.pipelines === null ? null : new Set(token.pipelines),
    tenantBound: true,
  })
  return { kind: 'admitted', principal }
}

function servicePrincipal(text: string, serviceKeys: ServiceKeys): Principal | undefined {
  const key = serviceKeys.verifyToken(text)
  if (key === undefined) return undefined
  return machine('service', {
    id: `service:${key.id}`,
    name: key.name,
    tenant: key.tenant,
    credential: { kind: 'service-token', id: key.id, name: key.name },
    scopes: key.scopes,
    pipelines: key.pipelines === null ? null : new Set(key.pipelines),
  })
}

/** Valid for one GET of one path, so it needs no restriction to pipelines. */
function downloadPrincipal(
  text: string,
  { method, target }: SignedRequest,
  downloads: DownloadTokens,
): Principal | undefined {
  const taken = method === 'GET' ? downloads.take(text, target) : undefined
  if (taken === undefined) return undefined
  return userPrincipal(taken.owner, {
    kind: 'token',
    scopes: [taken.scope],
    credential: { kind: 'download', id: null },
    tenantBound: true,
  })
}
