import type { TokenResponse } from '../../../contract/api/tokens.ts'
import { createTokenBody, downloadTokenBody } from '../../../contract/api/tokens.ts'
import type { Scope } from '../../../contract/token-scopes.ts'
import type { CliToken, Owner } from '../../accounts/cli-tokens.ts'
import type { Principal } from '../../rbac/principal.ts'
import { HttpError, json, notFound, readBody } from '../response.ts'
import { by } from './audit-log.ts'
import type { Call, Handler } from '../call.ts'
import { requirePerson } from '../guards/authenticate.ts'
import { readPage } from '../paging.ts'
import type { Services } from '../services.ts'

/** What a new token is to be, checked against what its maker may do. */
export interface TokenWish {
  name: string
  scopes: readonly Scope[]
  /** Undefined: not said. */
  allPipelines: boolean | undefined
  /** Names. */
  pipelines: readonly string[] | undefined
  expiresIn?: number | undefined
  requireSignature: boolean
}

/** `POST /api/auth/cli-tokens` (S168, S169) */
export const createToken: Handler = async (call, services) => {
  const { oldNames, ...wish } = await readBody(call.request, createTokenBody)
  const { value, token } = await makeToken(wish, call, services)
  const [answer] = await toAnswers([token], call, services)
  const old = oldNames ? { allRepositories: answer?.allPipelines, repositories: answer?.pipelines } : {}
  return json({ token: value.reveal(), ...answer, ...old }, { status: 201 })
}

/** `GET /api/auth/cli-tokens`: the caller's own, without their values. */
export const listTokens: Handler = async (call, services) => {
  const { items, next } = await services.cliTokens.list(ownerOf(call.principal), readPage(call.url))
  return json({ items: await toAnswers(items, call, services), next })
}

/** `DELETE /api/auth/cli-tokens/:id` */
export const revokeToken: Handler = async (call, services) => {
  await endToken(call.params.id ?? '', call, services)
  return new Response(null, { status: 204 })
}

/** `DELETE /api/auth/cli-tokens/current`: the token that the call is made with, whatever its scopes. */
export const revokeCurrentToken: Handler = async (call, services) => {
  const { credential, userId } = call.principal
  if (credential.kind !== 'token' || credential.id === null || userId === null) {
    throw new HttpError(409, 'conflict', 'this call was not made with a token of its own', {
      details: { hint: 'an access token of a login ends at /oauth/revoke' },
    })
  }
  await services.cliTokens.revoke({ tenantId: call.principal.tenant.id, userId }, credential.id)
  services.audit.record({ ...by(call), action: 'token.revoke', target: credential.id })
  return new Response(null, { status: 204 })
}

/** What a download token can be for, and the scope that each needs. */
const DOWNLOADS: readonly { path: RegExp; scope: Scope }[] = [
  { path: /^\/api\/runners\/install\.sh$/, scope: 'runners:read' },
  { path: /^\/api\/runs\/run_[0-9a-f]{32}\/log$/, scope: 'runs:read' },
]

/** `POST /api/auth/download-token` (S194) */
export const createDownloadToken: Handler = async (call, services) => {
  const { path } = await readBody(call.request, downloadTokenBody)
  const { tenantId, userId } = ownerOf(call.principal)
  const scope = DOWNLOADS.find((download) => download.path.test(path))?.scope
  if (scope === undefined)
    throw new HttpError(400, 'invalid_request', 'nothing can be downloaded from that path')
  requireScopes([scope], call.principal)
  const { value, expiresAt } = services.downloads.issue({ userId, tenantId, path, scope })
  services.audit.record({ ...by(call), action: 'download-token.create', target: path })
  const expiresIn = Math.round((expiresAt - services.clock.now()) / 1000)
  return json({ token: value.reveal(), path, expiresIn, expiresAt: new Date(expiresAt).toISOString() })
}

/**
 * Makes a token for the person who calls.
 * @throws HttpError 400 when it is not said which pipelines, 403 for a scope that its maker has not, 404 for
 * a pipeline
 */
export async function makeToken(wish: TokenWish, call: Call, services: Services) {
  requireScopes(wish.scopes, call.principal)
  const pipelines = await pipelineIds(wish, call, services)
  const made = services.cliTokens.create({
    tenant: call.principal.tenant,
    userId: ownerOf(call.principal).userId,
    name: wish.name,
    scopes: wish.scopes,
    pipelines,
    signatureRequired: wish.requireSignature,
    expiresIn: wish.expiresIn ?? null,
  })
  services.audit.record({
    ...by(call),
    action: 'token.create',
    target: made.token.id,
    details: { scopes: wish.scopes.join(' '), pipelines: pipelines?.join(' ') ?? 'all' },
  })
  return made
}

/** @throws HttpError 403 for a token that the login could not have made, 404 */
export async function endToken(id: string, call: Call, { cliTokens, audit }: Services): Promise<void> {
  const owner = ownerOf(call.principal)
  const token = await cliTokens.get(owner, id)
  if (token) requireEnding(token, call.principal)
  if (!token || !(await cliTokens.revoke(owner, id))) throw notFound('token')
  audit.record({ ...by(call), action: 'token.revoke', target: id })
}

/** Tokens as their owner sees them; pipelines by name. */
export async function toAnswers(
  tokens: readonly CliToken[],
  call: Call,
  { pipelines, clock }: Services,
): Promise<TokenResponse[]> {
  const restricted = tokens.some((token) => token.pipelines !== null)
  const names = restricted ? await pipelines.names(call.principal) : []
  return tokens.map((token) => ({
    id: token.id,
    name: token.name,
    scopes: [...token.scopes],
    allPipelines: token.pipelines === null,
    // One that was deleted has no name any more, and no later one takes its place.
    pipelines: names.filter(({ id }) => token.pipelines?.includes(id)).map(({ name }) => name),
    requireSignature: token.signatureRequired,
    createdAt: new Date(token.createdAt).toISOString(),
    expiresAt: instant(token.expiresAt),
    lastUsedAt: instant(token.lastUsedAt),
    expired: token.expiresAt !== null && token.expiresAt <= clock.now(),
  }))
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

export function ownerOf(principal: Principal): Owner {
  requirePerson(principal)
  return { tenantId: principal.tenant.id, userId: principal.userId }
}

function requireScopes(scopes: readonly Scope[], principal: Principal): void {
  const missing = scopes.filter((scope) => !principal.scopes.has(scope))
  if (missing.length === 0) return
  throw new HttpError(
    403,
    'insufficient_scope',
    `you cannot pass on what you may not do: ${missing.join(' ')}`,
    {
      details: { requiredScopes: missing, tokenScopes: [...principal.scopes] },
    },
  )
}

/**
 * What counts is what the login was given, whatever the role left of it: who has lost a scope can still end what
 * they made with it. Logins of people name no pipelines.
 */
function requireEnding({ scopes }: CliToken, { granted, scopes: tokenScopes }: Principal): void {
  const beyond = scopes.filter((scope) => !granted.has(scope))
  if (beyond.length === 0) return
  throw new HttpError(
    403,
    'insufficient_scope',
    `this login was narrowed, and cannot end a token that may do more: ${beyond.join(' ')}`,
    {
      details: {
        requiredScopes: beyond,
        tokenScopes: [...tokenScopes],
        hint: 'log in without --scope, or end it at /settings/tokens',
      },
    },
  )
}

/** IDs; null: all. */
async function pipelineIds(
  { scopes, allPipelines, pipelines }: TokenWish,
  { principal }: Call,
  services: Services,
): Promise<string[] | null> {
  if (allPipelines === true) {
    if (pipelines === undefined || pipelines.length === 0) return null
    throw new HttpError(
      400,
      'invalid_request',
      'a token is for all pipelines or for those it names, not both',
    )
  }
  if (pipelines === undefined || pipelines.length === 0) {
    if (scopes.every((scope) => scope.startsWith('runners:'))) return []
    throw new HttpError(400, 'invalid_request', 'say which pipelines the token is for', {
      details: { hint: 'allPipelines: true, or pipelines: [names] (fob: --all-pipelines, --pipeline NAME)' },
    })
  }
  const ids: string[] = []
  for (const name of new Set(pipelines)) {
    const pipeline = await services.pipelines.get(principal, name)
    if (pipeline === undefined) throw notFound(`pipeline ${name}`)
    ids.push(pipeline.id)
  }
  return ids
}
