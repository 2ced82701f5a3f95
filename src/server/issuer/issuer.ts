/**
 * Owns: the authorization server. Codes, grants, sessions of browsers, refresh tokens, access tokens.
 * Refuses: anything but the code flow with PKCE S256 and a registered redirect URI; to keep a usable code or
 * refresh token in the database; an access token whose ID it does not know or has revoked.
 * The pages are not here: `http/login/login-and-consent-pages.ts` shows them and tells `finish` what the person decided.
 */
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { User } from '../accounts/user-types.ts'
import type { Db, Transaction } from '../db/open-database.ts'
import type { Log } from '../log.ts'
import { openBridge } from './protocol/node-http-bridge.ts'
import { FOB_CLI, PAGES_CLIENT, type PublicClient } from './first-party-clients.ts'
import { openCarriedInteractions } from './sessions/unanswered-interactions-in-cookies.ts'
import { cookieJar, cookieNames } from './sessions/encrypted-oidc-provider-cookies.ts'
import type { DevicePages } from './protocol/protocol-page-types.ts'
import { type Interactions, openInteractions } from './sessions/login-and-consent-interactions.ts'
import { type ApiLogins, openApiLogins } from './tokens/tokens-for-json-logins.ts'
import { type KnownBrowsers, openKnownBrowsers } from './sessions/known-browser-cookie.ts'
import { type OpenedInvitations, openOpenedInvitations } from './sessions/opened-invitation-cookie.ts'
import { openPagesLogin, type PagesLogin } from './sessions/own-pages-login-redirects.ts'
import { protocolHandler } from './protocol/requests-before-oidc-provider.ts'
import type { ExchangeToken } from './protocol/token-exchange-grant.ts'
import { DEFAULT_LIFETIMES, type Lifetimes } from './tokens/default-lifetimes.ts'
import { createProvider } from './protocol/oidc-provider.ts'
import type { ErrorPage } from './protocol/protocol-page-types.ts'
import {
  endGrant,
  endLoginOf,
  endOtherLogins,
  endSession,
  type KeptLogin,
  purgeExpiredRecords,
  revokeUserRecords,
} from './tokens/end-sessions-grants-and-tokens.ts'
import { deriveKey, openSeal } from './seal-under-session-secret.ts'
import { MIN_SESSION_SECRET_BYTES } from './session-secret-minimum-length.ts'
import { openSessions, type Sessions } from './sessions/browser-sessions-and-program-logins.ts'
import { loadSigningKey } from './tokens/id-token-signing-key.ts'
import { openTickets } from './protocol/json-login-ticket-grant.ts'
import { openTokens, type VerifiedToken } from './tokens/access-tokens.ts'
import {
  openIdentityProviderLogins,
  type IdentityProviderLogins,
} from './identity-providers/identity-provider-login.ts'
import type { ConfiguredIdentityProviders } from './identity-providers/identity-provider-types.ts'
import { openIdentityProviders } from './identity-providers/identity-providers.ts'
import {
  DEFAULT_MEMBERSHIP_MAX_AGE_MS,
  type MembershipEvent,
  type Memberships,
  openMemberships,
} from './identity-providers/read-memberships-again.ts'
import { storedProviderTokens } from './identity-providers/stored-provider-tokens.ts'
import type { ProtocolEvent } from './protocol/audit-oauth-requests.ts'

export interface Issuer {
  /** Handles the protocol's routes (`protocol/requests-before-oidc-provider.ts`); 404 for any other. @param address the peer's */
  handle(request: Request, address?: string): Promise<Response>
  /** What the page of this interaction shows; undefined when it is over, or is not this browser's. */
  interaction: Interactions['view']
  /** Takes the person's decision; undefined as above, or when it is not what the interaction is about. */
  finish: Interactions['finish']
  /** Undefined for whatever is not, or no longer, a good access token of this server. Never throws for one. */
  verifyAccessToken(token: string): VerifiedToken | undefined
  /** The browser's session, if somebody is logged in. */
  sessionOf: Sessions['of']
  sessions: Sessions
  /** Browsers that were let in with a password before. */
  knownBrowsers: KnownBrowsers
  /** Invitations that a browser has opened. */
  openedInvitations: OpenedInvitations
  /** A registered program's name. */
  clientName(clientId: string): Promise<string>
  /** Logging in to our own pages. */
  pages: PagesLogin
  /** The identity providers that people can log in with. */
  identityProviders: IdentityProviderLogins
  /** What identity providers say of people who have logged in. */
  memberships: Memberships
  /** Tokens of the JSON API. */
  api: ApiLogins
  /** Ends everything that was issued with this access token, itself included. @returns whether it was good */
  endTokenOf(accessToken: string): Promise<boolean>
  /** Ends all logins of the user but one: `kept` is the one that a changed password leaves. */
  endOtherLogins(user: User, kept: KeptLogin): void
  /** Ends all sessions, grants and tokens of the user. */
  revokeUser(user: User): Promise<void>
  /** Deletes what has expired; to be called now and then. */
  purgeExpired(): Promise<void>
}

export interface IssuerDeps {
  db: Db
  /** The server's public URL, without a path: the issuer, and the audience of access tokens. */
  url: string
  /** 32 bytes or more. The key of access tokens; keys for cookies and stored keys are derived from it. */
  sessionSecret: Secret
  accounts: Accounts
  clock: Clock
  log: Log
  /** How an error looks that cannot be sent back to a client. */
  errorPage: ErrorPage
  devicePages: DevicePages
  /** Without it, people log in with accounts of this server alone. */
  identityProviders?: ConfiguredIdentityProviders
  /** For the identity providers. */
  fetch?: Fetch
  lifetimes?: Partial<Lifetimes>
  /** Told of what is worth a record and happens by the protocol alone. */
  onEvent?: (event: ProtocolEvent) => void
  /** How old what is known of memberships may be; without it, a day. */
  membershipMaxAgeMs?: number | undefined
  /** The rule that every caller has to pass: whether it asks for memberships. */
  serverRule?: string | undefined
  /** Told of memberships that are other ones than before, in the transaction of the change. */
  onMembershipEvent?: (event: MembershipEvent, within: Transaction) => void
  /** Exchanges JWTs of other issuers; without it, that is not offered. */
  exchange?: ExchangeToken | undefined
  /** Who may ask for tokens; without it, our command line alone. */
  clients?: readonly PublicClient[]
}

export async function openIssuer(deps: IssuerDeps): Promise<Issuer> {
  const { db, accounts, clock, log, sessionSecret, errorPage } = deps
  const base = publicUrl(deps.url)
  if (Buffer.byteLength(sessionSecret.reveal()) < MIN_SESSION_SECRET_BYTES) {
    throw new Fault('config', `the session secret has fewer than ${MIN_SESSION_SECRET_BYTES} bytes`)
  }
  const clients = deps.clients ?? [FOB_CLI]
  const tokens = openTokens({ db, url: base.origin, sessionSecret, clock })
  const seal = openSeal(sessionSecret, 'server keys')
  const signingKey = await loadSigningKey({ db, seal, now: clock.now(), log })
  const cookies = cookieNames(base.protocol === 'https:')
  const lifetimes = { ...DEFAULT_LIFETIMES, ...deps.lifetimes }
  const tickets = openTickets(clock)
  const carried = openCarriedInteractions()
  const provider = await createProvider({
    db,
    carried,
    url: base.origin,
    accounts,
    clock,
    log,
    lifetimes,
    clients,
    tokens,
    tickets,
    signingKey,
    cookies,
    errorPage,
    devicePages: deps.devicePages,
  })
  const cookieSeal = openSeal(sessionSecret, 'cookies')
  const jar = cookieJar(cookieSeal, cookies, { sessionMaxAge: lifetimes.sessionAbsolute, carried })
  const callback = provider.callback()
  const bridge = await openBridge({ handler: (req, res) => void callback(req, res), base, jar, carried })
  const ours = new Set(clients.map(({ id }) => id))
  const client = async (id: string) => {
    const found = await provider.Client.find(id)
    return { name: found?.clientName ?? id, selfNamed: !ours.has(id) }
  }
  const internalClients = new Set([PAGES_CLIENT])
  const interactions = openInteractions({
    provider,
    bridge,
    accounts,
    client,
    endSession: (uid) => endSession(db, uid),
  })
  const sessions = openSessions({
    db,
    clock,
    accounts,
    jar,
    lifetimes,
    cookieName: cookies.session,
    csrfKey: deriveKey(sessionSecret, 'form values'),
    internalClients,
  })
  const url = base.origin
  const { onEvent = () => {}, onMembershipEvent = () => {} } = deps
  const providerTokens = storedProviderTokens(db, openSeal(sessionSecret, 'identity provider tokens'))
  const configured = openIdentityProviders(deps.identityProviders ?? {}, {
    fetch: deps.fetch ?? globalThis.fetch,
    clock,
  })
  const memberships = openMemberships({
    db,
    clock,
    log,
    configured,
    tokens: providerTokens,
    maxAgeMs: deps.membershipMaxAgeMs ?? DEFAULT_MEMBERSHIP_MAX_AGE_MS,
    serverRule: deps.serverRule,
    onEvent: onMembershipEvent,
  })
  const handle = protocolHandler({
    db,
    provider,
    bridge,
    tokens,
    accounts,
    clock,
    url,
    exchange: deps.exchange,
    onEvent,
    onRefresh: (user) => memberships.refreshed(user),
    errorPage,
    isOurs: (clientId) => ours.has(clientId) || internalClients.has(clientId),
  })

  return {
    handle: (request, address = '') => handle(request, address),
    interaction: (uid, cookies) => interactions.view(uid, cookies),
    finish: (uid, cookies, outcome) => interactions.finish(uid, cookies, outcome),
    verifyAccessToken: (token) => {
      const verified = tokens.verify(token)
      if (verified !== undefined) sessions.programUsed(verified.jti)
      return verified
    },
    sessionOf: (cookies) => sessions.of(cookies),
    sessions,
    knownBrowsers: openKnownBrowsers(openSeal(sessionSecret, 'known browsers'), base.protocol === 'https:'),
    openedInvitations: openOpenedInvitations(
      openSeal(sessionSecret, 'opened invitations'),
      base.protocol === 'https:',
      () => clock.now(),
    ),
    clientName: async (id) => (await client(id)).name,
    pages: openPagesLogin({ url, seal: openSeal(sessionSecret, 'page addresses') }),
    memberships,
    identityProviders: openIdentityProviderLogins({
      configured,
      tokens: providerTokens,
      url,
      seal: cookieSeal,
      accounts,
      clock,
      log,
    }),
    api: openApiLogins({
      provider,
      bridge,
      handle,
      tickets,
      accounts,
      clock,
      url,
      endGrant: (grantId) => endGrant(db, grantId, clock.now()),
    }),
    endTokenOf: async (token) => {
      const verified = tokens.verify(token)
      if (verified) await endLoginOf(db, verified.jti, clock.now())
      return verified !== undefined
    },
    endOtherLogins: (user, kept) => endOtherLogins(db, user, kept),
    revokeUser: (user) => revokeUserRecords(db, user),
    purgeExpired: () => purgeExpiredRecords(db, clock.now()),
  }
}

function publicUrl(text: string): URL {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '')
    return url
  throw new Fault('config', 'the public URL must be http or https, without a path', {
    hint: 'for example https://ci.example.com',
  })
}
