/** Interactions: what the login and consent pages are about, and what the person decided. */
import type { Interaction, InteractionResults, Provider } from 'oidc-provider'
import * as v from 'valibot'
import { isScope, type Scope } from '../../../contract/token-scopes.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import type { Bridge } from '../protocol/node-http-bridge.ts'

/** What a login or consent page has to show. */
export interface InteractionView {
  uid: string
  prompt: 'login' | 'consent'
  clientId: string
  clientName: string
  /** Whether the program told us its name itself, when it registered. */
  selfNamed: boolean
  /**
   * Where the browser goes in the end: an origin, or a scheme such as `cursor:`. The page's policy must name
   * it, or Chromium stops the redirect. Undefined in the device flow, which ends on a page of ours.
   */
  redirectTarget: string | undefined
  /** The asked-for permissions that this server knows. */
  scopes: readonly Scope[]
  /** Who is logged in; on the consent page always there. */
  account: User | undefined
}

type InteractionOutcome =
  | { kind: 'login'; user: User }
  | { kind: 'consent' }
  /** The person said no, or this server did: the client hears `access_denied`, and why. */
  | { kind: 'deny'; because?: string }
  /** Somebody else is logged in in this browser: it is signed out, and the login starts again. */
  | { kind: 'other_account' }

export interface Interactions {
  view(uid: string, cookieHeader: string | null): Promise<InteractionView | undefined>
  finish(
    uid: string,
    cookieHeader: string | null,
    outcome: InteractionOutcome,
  ): Promise<{ location: string; setCookies: string[] } | undefined>
}

const prompts = v.picklist(['login', 'consent'])
const params = v.object({
  client_id: v.string(),
  redirect_uri: v.optional(v.string()),
  scope: v.optional(v.string(), ''),
  resource: v.optional(v.union([v.string(), v.array(v.string())]), []),
})

/** The two steps that a person takes: proving who they are, and saying yes or no. */
export function openInteractions(deps: {
  provider: Provider
  bridge: Bridge
  accounts: Accounts
  /** The client, as registered. */
  client: (clientId: string) => Promise<{ name: string; selfNamed: boolean }>
  /** Ends a browser's session, by the name under which interactions know it. */
  endSession: (uid: string) => Promise<void>
}): Interactions {
  const { provider, bridge, accounts } = deps

  /** The browser's interaction, if the cookie is there and belongs to the page it asks for. */
  const current = async (uid: string, cookieHeader: string | null): Promise<Interaction | undefined> => {
    try {
      const found = await bridge.withCookies(cookieHeader, (req, res) =>
        provider.interactionDetails(req, res),
      )
      return found.value.uid === uid ? found.value : undefined
    } catch (error) {
      if (error instanceof Error && error.name === 'SessionNotFound') return undefined
      throw error
    }
  }

  return {
    view: async (uid, cookieHeader) => {
      const interaction = await current(uid, cookieHeader)
      if (!interaction || !v.is(prompts, interaction.prompt.name)) return undefined
      const asked = v.parse(params, interaction.params)
      const client = await deps.client(asked.client_id)
      return {
        uid,
        prompt: interaction.prompt.name,
        clientId: asked.client_id,
        clientName: client.name,
        selfNamed: client.selfNamed,
        redirectTarget: asked.redirect_uri === undefined ? undefined : targetOf(asked.redirect_uri),
        scopes: asked.scope.split(' ').filter(isScope),
        account: await accountOf(accounts, interaction),
      }
    },

    finish: async (uid, cookieHeader, outcome) => {
      const interaction = await current(uid, cookieHeader)
      if (!interaction) return undefined
      if (!fits(outcome, interaction.prompt.name)) return undefined
      if (outcome.kind === 'login') await leaveOtherAccount(deps.endSession, interaction, outcome.user)
      if (outcome.kind === 'other_account') await leaveSession(deps.endSession, interaction)
      const result = await resultOf(provider, interaction, outcome)
      const done = await bridge.withCookies(cookieHeader, (req, res) =>
        provider.interactionResult(req, res, result, {
          mergeWithLastSubmission: outcome.kind === 'login' || outcome.kind === 'consent',
        }),
      )
      return { location: done.value, setCookies: done.setCookies }
    },
  }
}

function fits({ kind }: InteractionOutcome, prompt: string): boolean {
  if (kind === 'deny') return true
  return (kind === 'other_account' ? 'consent' : kind) === prompt
}

function targetOf(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri)
  return origin === 'null' ? protocol : origin
}

async function accountOf(accounts: Accounts, interaction: Interaction): Promise<User | undefined> {
  const id = interaction.session?.accountId
  const colon = id?.indexOf(':') ?? -1
  return id === undefined || colon < 0
    ? undefined
    : accounts.bySubject(id.slice(0, colon), id.slice(colon + 1))
}

async function resultOf(
  provider: Provider,
  interaction: Interaction,
  outcome: InteractionOutcome,
): Promise<InteractionResults> {
  if (outcome.kind === 'login') return { login: { accountId: accountIdOf(outcome.user) } }
  if (outcome.kind === 'consent') return { consent: { grantId: await storeGrant(provider, interaction) } }
  if (outcome.kind === 'other_account') return {}
  const { because = 'the request was denied' } = outcome
  return { error: 'access_denied', error_description: because }
}

/** A grant of its own for every consent, with what was asked for and is known. */
async function storeGrant(provider: Provider, interaction: Interaction): Promise<string> {
  const asked = v.parse(params, interaction.params)
  const accountId = interaction.session?.accountId
  if (accountId === undefined) throw new Error('consent without a login')
  const grant = new provider.Grant({ accountId, clientId: asked.client_id })
  grant.addOIDCScope(asked.scope)
  const scopes = asked.scope.split(' ').filter(isScope).join(' ')
  for (const resource of [asked.resource].flat()) if (scopes !== '') grant.addResourceScope(resource, scopes)
  return grant.save()
}

/**
 * Somebody else logs in where an earlier session is still open (`prompt=login`). The provider would show its
 * own logout page in between, with an inline script; ending the earlier session first needs no page.
 */
async function leaveOtherAccount(
  endSession: (uid: string) => Promise<void>,
  interaction: Interaction,
  user: User,
): Promise<void> {
  if (interaction.session?.accountId !== accountIdOf(user)) await leaveSession(endSession, interaction)
}

/** The browser is then as one in which nobody has logged in; the interaction continues without its session. */
async function leaveSession(
  endSession: (uid: string) => Promise<void>,
  interaction: Interaction,
): Promise<void> {
  if (!interaction.session) return
  await endSession(interaction.session.uid)
  delete interaction.session
  await interaction.persist()
}
