import * as v from 'valibot'
import { ALL_SCOPES, isScope } from '../../../contract/token-scopes.ts'
import { displayName } from '../../../contract/api/display-name.ts'
import type { TokenResponse } from '../../../contract/api/tokens.ts'
import { Fault } from '../../../contract/fault.ts'
import type { CliToken } from '../../accounts/cli-tokens.ts'
import type { Page } from '../../web/page-layout.ts'
import {
  type NewTokenView,
  renderCreatedToken,
  renderNewToken,
  renderTokens,
  type TokenRow,
} from '../../web/token-templates.ts'
import { HttpError } from '../response.ts'
import type { Call, Handler } from '../call.ts'
import type { Services } from '../services.ts'
import { readFields } from '../guards/session-guard.ts'
import { sessionOf, settingsView } from './session-pages.ts'
import { endToken, makeToken, ownerOf, toAnswers, type TokenWish } from '../api/tokens.ts'

/** Settings → Security → Personal access tokens. The session's guard has read and checked the forms. */

const SHOWN = 200

/** `GET /settings/tokens` */
export const tokensPage: Handler = async (call, services) => {
  const { items, next } = await services.cliTokens.list(ownerOf(call.principal), { limit: SHOWN })
  const answers = await toAnswers(items, call, services)
  const tokens = items.map((token, i) => toRow(token, answers[i]))
  const notice = call.url.searchParams.get('done') === 'revoked' ? 'The token was revoked.' : undefined
  return show(200, await renderTokens({ ...frame(call, services), tokens, more: next !== null, notice }))
}

function toRow(token: CliToken, answer: TokenResponse | undefined): TokenRow {
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt } = token
  return {
    id,
    name,
    scopes,
    createdAt,
    expiresAt,
    lastUsedAt,
    pipelines: token.pipelines === null ? undefined : (answer?.pipelines ?? []),
    expired: answer?.expired === true,
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
  return show(200, await renderNewToken(await newView(chosen, call, services)))
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

/** `POST /settings/tokens/new`: answers with the token itself, which no later page can show. */
export const newTokenSubmit: Handler = async (call, services) => {
  const form = readFields(sessionOf(call).form, newTokenForm, ['scope', 'pipeline'])
  if (form === undefined) throw new HttpError(400, 'invalid_request', 'that form could not be read')
  const made = await tryToMake(form, call, services)
  if ('error' in made) {
    const chosen = {
      name: form.name,
      scopes: form.scope,
      all: form.which === 'all',
      pipelines: form.pipeline,
      expires: form.expires,
      requireSignature: form.sign === 'yes',
    }
    return show(400, await renderNewToken({ ...(await newView(chosen, call, services)), error: made.error }))
  }
  const { value, token } = made
  const view = { ...frame(call, services), name: token.name, requireSignature: token.signatureRequired }
  return show(201, await renderCreatedToken({ ...view, value: value.reveal() }))
}

/** `POST /settings/tokens/revoke` */
export const revokeTokenSubmit: Handler = async (call, services) => {
  const id = sessionOf(call).form.get('token') ?? ''
  await endToken(id, call, services).catch((error: unknown) => {
    // Revoked in another tab: what was wanted is so.
    if (!(error instanceof HttpError) || error.status !== 404) throw error
  })
  const query = new URLSearchParams({ ...tenantQuery(call), done: 'revoked' })
  const headers = { location: `/settings/tokens?${query.toString()}`, 'cache-control': 'no-store' }
  return new Response(null, { status: 303, headers })
}

async function tryToMake(form: NewTokenForm, call: Call, services: Services) {
  const name = v.safeParse(displayName, form.name)
  if (!name.success) return { error: sentence(name.issues[0].message) }
  const scopes = form.scope.filter(isScope)
  if (scopes.length === 0) return { error: 'Choose what the token may do.' }
  const all = form.which === 'all'
  const named = !all && form.pipeline.length > 0
  if (!all && !named && !scopes.every((scope) => scope.startsWith('runners:'))) {
    return { error: 'Choose the pipelines of the token, or all.' }
  }
  const wish: TokenWish = {
    name: name.output,
    scopes,
    allPipelines: all,
    pipelines: named ? form.pipeline : undefined,
    expiresIn: form.expires === 'never' ? undefined : Number(form.expires) * 86_400,
    requireSignature: form.sign === 'yes',
  }
  try {
    return await makeToken(wish, call, services)
  } catch (error) {
    const ours = error instanceof Fault || (error instanceof HttpError && error.status < 500)
    if (!ours) throw error
    return { error: sentence(error.message) }
  }
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

async function newView(
  chosen: NewTokenView['chosen'],
  call: Call,
  services: Services,
): Promise<NewTokenView> {
  const names = await services.pipelines.names(call.principal)
  return {
    ...frame(call, services),
    scopes: ALL_SCOPES.filter((scope) => call.principal.scopes.has(scope)),
    pipelines: names.map(({ name }) => name).toSorted(),
    lifetimes: LIFETIMES,
    chosen,
  }
}

function frame(call: Call, services: Services) {
  const query = new URLSearchParams(tenantQuery(call))
  return {
    ...settingsView(call, services),
    url: services.settings.url,
    tenant: call.principal.tenant.slug,
    query: query.size === 0 ? '' : `?${query.toString()}`,
  }
}

/** A token belongs to the tenant whose page it was made on, so the pages keep to one. */
function tenantQuery({ principal, session }: Call): Record<string, string> {
  const { slug } = principal.tenant
  return slug === session?.user.tenant.slug ? {} : { tenant: slug }
}

function show(status: number, { html, headers }: Page): Response {
  return new Response(html, { status, headers })
}
