/** The pages of personal access tokens: list, creation and revocation. The session guard has checked the forms. */
import * as v from 'valibot'
import { ALL_SCOPES, isScope } from '../../../contract/token-scopes.ts'
import { displayName } from '../../../contract/api/display-name.ts'
import type { TokenResponse } from '../../../contract/api/tokens.ts'
import { Fault } from '../../../contract/fault.ts'
import { choosePipelines } from '../../auth/personal-token-policy.ts'
import type { CliToken } from '../../accounts/scoped-tokens.ts'
import {
  type NewTokenView,
  renderCreatedToken,
  renderNewToken,
  renderTokens,
  type TokenRow,
} from '../../web/personal-token-templates.ts'
import { HttpError } from '../response/http-error.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import {
  createPersonalToken,
  ownerOf,
  revokePersonalToken,
  type TokenRequest,
  toTokenResponses,
} from '../create-list-revoke-personal-tokens.ts'
import { redirect } from '../response/see-other-redirect.ts'
import type { Services } from '../handler-services.ts'
import { pageResponse, sentence } from '../response/page-response.ts'
import { sessionOf, settingsView, hrefInTenant } from './page-frame-view.ts'

const SHOWN = 200

/** `GET /settings/tokens` */
export const tokensPage: Handler = async (call, services) => {
  const { items, next } = await services.cliTokens.list(ownerOf(call.principal), { limit: SHOWN })
  const responses = await toTokenResponses(items, call, services)
  const tokens = items.map((token, i) => toRow(token, responses[i]))
  const notice = call.url.searchParams.get('done') === 'revoked' ? 'The token was revoked.' : undefined
  return pageResponse(
    await renderTokens({ ...(await frame(call, services)), tokens, more: next !== null, notice }),
  )
}

function toRow(token: CliToken, shown: TokenResponse | undefined): TokenRow {
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt } = token
  return {
    id,
    name,
    scopes,
    createdAt,
    expiresAt,
    lastUsedAt,
    pipelines: token.pipelines === null ? undefined : (shown?.pipelines ?? []),
    expired: shown?.expired === true,
    requireSignature: token.signatureRequired,
  }
}

const LIFETIMES = [
  { value: '7', text: 'in 7 days' },
  { value: '30', text: 'in 30 days' },
  { value: '90', text: 'in 90 days' },
  { value: '365', text: 'in a year' },
  { value: 'never', text: 'never' },
] as const

/** `GET /settings/tokens/new` */
export const newTokenPage: Handler = async (call, services) => {
  const chosen = { name: '', scopes: [], all: false, pipelines: [], expires: '90', requireSignature: false }
  return pageResponse(await renderNewToken(await newView(chosen, call, services)))
}

const newTokenForm = v.object({
  name: v.optional(v.string(), ''),
  scope: v.array(v.string()),
  which: v.optional(v.picklist(['all', 'some']), 'some'),
  pipeline: v.array(v.string()),
  expires: v.optional(v.picklist(LIFETIMES.map(({ value }) => value)), '90'),
  sign: v.optional(v.literal('yes')),
})
type NewTokenForm = v.InferOutput<typeof newTokenForm>

/** `POST /settings/tokens/new`: the page shows the token itself, which no later page can. */
export const newTokenSubmit: Handler = async (call, services) => {
  const form = parseForm(sessionOf(call).form, newTokenForm, ['scope', 'pipeline'])
  if (form === undefined) throw new HttpError(400, 'invalid_request', 'that form could not be read')
  const attempt = await tryToCreate(form, call, services)
  if (attempt.kind === 'refused') {
    const chosen = {
      name: form.name,
      scopes: form.scope,
      all: form.which === 'all',
      pipelines: form.pipeline,
      expires: form.expires,
      requireSignature: form.sign === 'yes',
    }
    const view = { ...(await newView(chosen, call, services)), error: attempt.reason }
    return pageResponse(await renderNewToken(view), 400)
  }
  const { value, token } = attempt
  const view = {
    ...(await frame(call, services)),
    name: token.name,
    requireSignature: token.signatureRequired,
  }
  return pageResponse(await renderCreatedToken({ ...view, value: value.reveal() }), 201)
}

/** `POST /settings/tokens/revoke` */
export const revokeTokenSubmit: Handler = async (call, services) => {
  const id = sessionOf(call).form.get('token') ?? ''
  await revokePersonalToken(id, call, services).catch((error: unknown) => {
    // It was revoked in another tab, so nothing is left to do.
    if (!(error instanceof HttpError) || error.status !== 404) throw error
  })
  return redirect(hrefInTenant(call, '/settings/tokens', { done: 'revoked' }))
}

type Attempt =
  | ({ kind: 'created' } & Awaited<ReturnType<typeof createPersonalToken>>)
  | { kind: 'refused'; reason: string }

async function tryToCreate(form: NewTokenForm, call: Call, services: Services): Promise<Attempt> {
  const name = v.safeParse(displayName, form.name)
  if (!name.success) return refused(sentence(name.issues[0].message))
  const scopes = form.scope.filter(isScope)
  if (scopes.length === 0) return refused('Choose what the token may do.')
  const allPipelines = form.which === 'all'
  const pipelines = allPipelines ? undefined : form.pipeline
  if (choosePipelines({ scopes, allPipelines, pipelines }).kind === 'missing') {
    return refused('Choose the pipelines of the token, or all.')
  }
  const request: TokenRequest = {
    name: name.output,
    scopes,
    allPipelines,
    pipelines,
    expiresIn: form.expires === 'never' ? undefined : Number(form.expires) * 86_400,
    requireSignature: form.sign === 'yes',
  }
  try {
    return { kind: 'created', ...(await createPersonalToken(request, call, services)) }
  } catch (error) {
    const isRefusal = error instanceof Fault || (error instanceof HttpError && error.status < 500)
    if (!isRefusal) throw error
    return refused(sentence(error.message))
  }
}

function refused(reason: string): Attempt {
  return { kind: 'refused', reason }
}

async function newView(
  chosen: NewTokenView['chosen'],
  call: Call,
  services: Services,
): Promise<NewTokenView> {
  const names = await services.pipelines.names(call.principal)
  return {
    ...(await frame(call, services)),
    scopes: ALL_SCOPES.filter((scope) => call.principal.scopes.has(scope)),
    pipelines: names.map(({ name }) => name).toSorted(),
    lifetimes: LIFETIMES,
    chosen,
  }
}

async function frame(call: Call, services: Services) {
  return { ...(await settingsView(call, services)), url: services.settings.url }
}
