/** Creates, shows and revokes the tokens of a person, for the API and the pages alike. */
import type { TokenResponse } from '../../contract/api/tokens.ts'
import { instant } from '../../contract/instant-as-text.ts'
import type { Scope } from '../../contract/token-scopes.ts'
import type { CliToken, Owner } from '../accounts/scoped-tokens.ts'
import { choosePipelines, scopesBeyondLogin, scopesNotHeld } from '../auth/personal-token-policy.ts'
import type { Principal } from '../access-rules/principal.ts'
import { by } from './audit-entry-from-request.ts'
import type { Call } from './request-context.ts'
import { requirePerson } from './guards/require-permission.ts'
import { HttpError, notFound } from './response/http-error.ts'
import type { Services } from './handler-services.ts'

/** A token that a person asks for. */
export interface TokenRequest {
  name: string
  scopes: readonly Scope[]
  /** Undefined: not said. */
  allPipelines: boolean | undefined
  /** By name. */
  pipelines: readonly string[] | undefined
  /** Seconds; undefined: no end. */
  expiresIn?: number | undefined
  requireSignature: boolean
}

/**
 * Creates a token for the person who calls.
 * @throws HttpError 400 when it is not said which pipelines, 403 for a scope that the person does not have, 404 for a
 * pipeline that they do not see
 */
export async function createPersonalToken(
  request: TokenRequest,
  call: Call,
  services: Pick<Services, 'cliTokens' | 'pipelines' | 'audit'>,
) {
  requireScopes(request.scopes, call.principal)
  const pipelines = await pipelineIds(request, call.principal, services)
  const created = services.cliTokens.create({
    tenant: call.principal.tenant,
    userId: ownerOf(call.principal).userId,
    name: request.name,
    scopes: request.scopes,
    pipelines,
    signatureRequired: request.requireSignature,
    expiresIn: request.expiresIn ?? null,
  })
  services.audit.record({
    ...by(call),
    action: 'token.create',
    target: created.token.id,
    details: { scopes: request.scopes.join(' '), pipelines: pipelines?.join(' ') ?? 'all' },
  })
  return created
}

/** @throws HttpError 403 for a token that the login could not have created, 404 */
export async function revokePersonalToken(
  id: string,
  call: Call,
  { cliTokens, audit }: Pick<Services, 'cliTokens' | 'audit'>,
): Promise<void> {
  const owner = ownerOf(call.principal)
  const token = await cliTokens.get(owner, id)
  if (token) requireLoginFor(token, call.principal)
  if (!token || !(await cliTokens.revoke(owner, id))) throw notFound('token')
  audit.record({ ...by(call), action: 'token.revoke', target: id })
}

/** Tokens as their owner sees them, with pipelines by name. */
export async function toTokenResponses(
  tokens: readonly CliToken[],
  call: Call,
  { pipelines, clock }: Pick<Services, 'pipelines' | 'clock'>,
): Promise<TokenResponse[]> {
  const isRestricted = tokens.some((token) => token.pipelines !== null)
  const names = isRestricted ? await pipelines.names(call.principal) : []
  return tokens.map((token) => ({
    id: token.id,
    name: token.name,
    scopes: [...token.scopes],
    allPipelines: token.pipelines === null,
    // A deleted pipeline has no name any more, and no later one takes its ID.
    pipelines: names.filter(({ id }) => token.pipelines?.includes(id)).map(({ name }) => name),
    requireSignature: token.signatureRequired,
    createdAt: instant(token.createdAt),
    expiresAt: instant(token.expiresAt),
    lastUsedAt: instant(token.lastUsedAt),
    expired: token.expiresAt !== null && token.expiresAt <= clock.now(),
  }))
}

/** @throws HttpError 403 for a caller who is not a person */
export function ownerOf(principal: Principal): Owner {
  requirePerson(principal)
  return { tenantId: principal.tenant.id, userId: principal.userId }
}

/** @throws HttpError 403 */
export function requireScopes(scopes: readonly Scope[], principal: Principal): void {
  const missing = scopesNotHeld(scopes, principal)
  if (missing.length === 0) return
  const message = `you cannot pass on what you may not do: ${missing.join(' ')}`
  throw new HttpError(403, 'insufficient_scope', message, {
    details: { requiredScopes: missing, tokenScopes: [...principal.scopes] },
  })
}

function requireLoginFor({ scopes }: CliToken, principal: Principal): void {
  const beyond = scopesBeyondLogin(scopes, principal)
  if (beyond.length === 0) return
  const message = `this login was narrowed, and cannot revoke a token that may do more: ${beyond.join(' ')}`
  throw new HttpError(403, 'insufficient_scope', message, {
    details: {
      requiredScopes: beyond,
      tokenScopes: [...principal.scopes],
      hint: 'log in without --scope, or revoke it at /settings/tokens',
    },
  })
}

/** IDs; null: all. */
async function pipelineIds(
  request: TokenRequest,
  principal: Principal,
  { pipelines }: Pick<Services, 'pipelines'>,
): Promise<string[] | null> {
  const choice = choosePipelines(request)
  if (choice.kind === 'all') return null
  if (choice.kind === 'none') return []
  if (choice.kind === 'contradiction') {
    throw new HttpError(
      400,
      'invalid_request',
      'a token is for all pipelines or for those it names, not both',
    )
  }
  if (choice.kind === 'missing') {
    throw new HttpError(400, 'invalid_request', 'say which pipelines the token is for', {
      details: {
        hint: 'allPipelines: true, or pipelines: [names] (fob: --all-pipelines, --pipeline NAME)',
      },
    })
  }
  return await Promise.all([...new Set(choice.names)].map((name) => idOf(name, principal, pipelines)))
}

async function idOf(name: string, principal: Principal, pipelines: Services['pipelines']): Promise<string> {
  const pipeline = await pipelines.get(principal, name)
  if (pipeline === undefined) throw notFound('pipeline', { name, many: true })
  return pipeline.id
}
