import type { DownloadTokens } from '../accounts/download-tokens.ts'
import type { Nonces } from '../accounts/used-nonces.ts'
import type { ServiceKeys } from '../accounts/service-keys.ts'
import type { CliTokens, VerifiedCliToken } from '../accounts/cli-tokens.ts'
import type { Principal } from '../rbac/principal.ts'
import { derived } from './compute-once-per-object.ts'
import { type Eventually, whenThere } from './value-or-promise.ts'
import { machine, userPrincipal } from './principals.ts'
import { checkSignature, type Refusal, type SignedRequest } from './request-signature.ts'

/** Bearers of tokens with a prefix. Runner tokens and service keys are none: they have headers of their own. */
export interface TokenBearers {
  /** Whether the token is one of ours by its prefix, and so nobody else's to verify. */
  knows(token: string): boolean
  admit(token: string, request: SignedRequest): Eventually<Principal | Refusal | undefined>
}

const PREFIXES: ReadonlySet<string> = new Set(['ci_', 'rn_', 'sk_', 'st_', 'dl_'])

export function tokenBearers(deps: {
  cliTokens: CliTokens
  serviceKeys: ServiceKeys
  downloads: DownloadTokens
  nonces: Nonces
  /** Milliseconds since 1970. */
  now(): number
}): TokenBearers {
  const cliPrincipal = derived(principalOfCli)
  const parts = { ...deps, cliPrincipal }
  return {
    knows: (token) => PREFIXES.has(token.slice(0, 3)),
    admit(token, request) {
      switch (token.slice(0, 3)) {
        case 'ci_':
          return admitCli(token, request, parts)
        case 'st_':
          return admitService(token, deps.serviceKeys)
        case 'dl_':
          return admitDownload(token, request, deps.downloads)
        default:
          return undefined
      }
    },
  }
}

function admitCli(
  text: string,
  request: SignedRequest,
  {
    cliTokens,
    nonces,
    now,
    cliPrincipal,
  }: {
    cliTokens: CliTokens
    nonces: Nonces
    now(): number
    cliPrincipal(verified: VerifiedCliToken): Principal
  },
): Eventually<Principal | Refusal | undefined> {
  const verified = cliTokens.verify(text)
  if (verified === undefined) return undefined
  const { token } = verified
  const refusal = checkSignature({
    token: { text, id: token.id, signatureRequired: token.signatureRequired },
    request,
    now,
    nonces,
  })
  return whenThere(refusal, (refused) => refused ?? cliPrincipal(verified))
}

function principalOfCli({ token, user }: VerifiedCliToken): Principal {
  return userPrincipal(user, {
    kind: 'token',
    scopes: token.scopes,
    credential: { kind: 'token', id: token.id },
    pipelines: token.pipelines === null ? null : new Set(token.pipelines),
    tenantBound: true,
  })
}

function admitService(text: string, serviceKeys: ServiceKeys): Principal | undefined {
  const key = serviceKeys.verifyToken(text)
  if (key === undefined) return undefined
  return machine('service', {
    id: `service:${key.id}`,
    name: key.name,
    tenant: key.tenant,
    credential: { kind: 'service-token', id: key.id },
    scopes: key.scopes,
    pipelines: key.pipelines === null ? null : new Set(key.pipelines),
  })
}

/** Good for one GET of one path, which is why it needs no restriction to pipelines. */
function admitDownload(
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
