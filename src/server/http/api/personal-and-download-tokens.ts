/** Personal access tokens and download tokens in the API. */
import { createTokenBody, downloadTokenBody } from '../../../contract/api/tokens.ts'
import type { Scope } from '../../../contract/token-scopes.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Handler } from '../request-context.ts'
import { HttpError } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readPage } from '../request/read-page-parameters.ts'
import {
  createPersonalToken,
  ownerOf,
  requireScopes,
  revokePersonalToken,
  toTokenResponses,
} from '../create-list-revoke-personal-tokens.ts'
import { readBody } from '../request/request-body.ts'

/** `POST /api/auth/cli-tokens` */
export const createToken: Handler = async (call, services) => {
  const { oldNames, ...request } = await readBody(call, createTokenBody)
  const { value, token } = await createPersonalToken(request, call, services)
  const [shown] = await toTokenResponses([token], call, services)
  const old = oldNames ? { allRepositories: shown?.allPipelines, repositories: shown?.pipelines } : {}
  return json({ token: value.reveal(), ...shown, ...old }, { status: 201 })
}

/** `GET /api/auth/cli-tokens`: the caller's own, without their values. */
export const listTokens: Handler = async (call, services) => {
  const { items, next } = await services.cliTokens.list(ownerOf(call.principal), readPage(call.url))
  return json({ items: await toTokenResponses(items, call, services), next })
}

/** `DELETE /api/auth/cli-tokens/:id` */
export const revokeToken: Handler = async (call, services) => {
  await revokePersonalToken(call.params.id ?? '', call, services)
  return noContent()
}

/** `DELETE /api/auth/cli-tokens/current`: the token of this request, whatever its scopes. */
export const revokeCurrentToken: Handler = async (call, services) => {
  const { credential, userId } = call.principal
  if (credential.kind !== 'token' || credential.id === null || userId === null) {
    throw new HttpError(409, 'conflict', 'the credential of this request is not a token', {
      details: { hint: 'revoke the access token of a login at /oauth/revoke' },
    })
  }
  await services.cliTokens.revoke({ tenantId: call.principal.tenant.id, userId }, credential.id)
  services.audit.record({ ...by(call), action: 'token.revoke', target: credential.id })
  return noContent()
}

/** The paths that a download token can be for, and the scope that each needs. */
const DOWNLOADS: readonly { path: RegExp; scope: Scope }[] = [
  { path: /^\/api\/runners\/install\.sh$/, scope: 'runners:read' },
  { path: /^\/api\/runs\/run_[0-9a-f]{32}\/log$/, scope: 'runs:read' },
]

/** `POST /api/auth/download-token` */
export const createDownloadToken: Handler = async (call, services) => {
  const { path } = await readBody(call, downloadTokenBody)
  const { tenantId, userId } = ownerOf(call.principal)
  const scope = DOWNLOADS.find((download) => download.path.test(path))?.scope
  if (scope === undefined) {
    throw new HttpError(400, 'invalid_request', 'nothing can be downloaded from that path')
  }
  requireScopes([scope], call.principal)
  const { value, expiresAt } = services.downloads.issue({ userId, tenantId, path, scope })
  services.audit.record({ ...by(call), action: 'download-token.create', target: path })
  const expiresIn = Math.round((expiresAt - services.clock.now()) / 1000)
  return json({ token: value.reveal(), path, expiresIn, expiresAt: new Date(expiresAt).toISOString() })
}
