/** `fob whoami`: says who is logged in, from what was stored at login where that is enough. */
import type { Secret } from '../../redact/secret.ts'
import { stateOf } from '../../session/refresh-login.ts'
import { nobodyHere, type Session } from '../../session/session.ts'
import type { StoredLogin } from '../../store/store-interface.ts'
import { type Context, openContext, serverContext } from '../client/command-context.ts'
import { defineCommand } from '../command.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { printRecord } from '../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'Show who is logged in (works offline)',
    details: `Shows what was stored at login. The server is asked only about a credential that was provided for this call, and,
without a stored login, whether it needs one.`,
    examples: ['fob whoami', 'fob whoami -o json'],
  },
  args: {},
  run: ({ globals }, deps) => whoami({ globals }, deps),
})

interface WhoamiOptions {
  globals: Globals
}

/** @throws Fault `unauthenticated` without a login. */
async function whoami({ globals }: WhoamiOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const { presented, login } = session
  if (presented.kind === 'bearer' || presented.kind === 'workload') {
    return showOwnerOfToken(session, context, deps)
  }
  if (presented.kind === 'basic') {
    const { password, username } = presented.credentials
    return showOwner({ token: password, username }, session, context, deps)
  }
  if (login === undefined) return showNobody(session, context, deps)
  print(deps, context, {
    server: login.server,
    ...identityOf(login),
    tenant: session.tenant,
    expiresAt: login.expiresAt === undefined ? undefined : new Date(login.expiresAt).toISOString(),
  })
  warnOfExpiry(login, context, deps.clock.now())
}

/** An open server knows no users: without a login, that is the answer. */
async function showNobody({ server, tenant }: Session, context: Context, deps: Deps): Promise<void> {
  const { isOpenToEveryone, openToEveryone } = await import('../../session/find-login-strategy.ts')
  const isOpen = await isOpenToEveryone(serverContext(deps, context, server.url))
  if (!isOpen) throw nobodyHere(server, await context.store.list())
  print(deps, context, { server: server.url, tenant })
  context.say(openToEveryone(server.url))
}

async function showOwnerOfToken(session: Session, context: Context, deps: Deps): Promise<void> {
  const token = await session.bearer()
  if (token === undefined) return showNobody(session, context, deps)
  return showOwner({ token }, session, context, deps)
}

/** Nothing is stored about a credential that came with the call (a flag, a variable, the address): its server is asked. */
async function showOwner(
  { token, ...known }: { token: Secret; username?: string },
  session: Session,
  context: Context,
  deps: Deps,
): Promise<void> {
  const { profileOf } = await import('../../session/fetch-profile.ts')
  const { credential } = session
  const server = { ...serverContext(deps, context, session.server.url), credential }
  const profile = await profileOf(server, token, session.tenant, known)
  print(deps, context, {
    server: session.server.url,
    id: profile.id == null ? undefined : String(profile.id),
    name: profile.name ?? known.username,
    email: profile.email ?? undefined,
    tenant: session.tenant ?? profile.tenant ?? undefined,
  })
}

/** Where the server says no more, the user name of Basic authentication is the name. */
function identityOf({ user, username }: StoredLogin): Pick<Identity, 'id' | 'name' | 'email'> {
  return username === undefined ? { ...user } : { name: username, ...user }
}

interface Identity {
  server: string
  id?: string | undefined
  name?: string | undefined
  email?: string | undefined
  tenant?: string | undefined
  expiresAt?: string | undefined
}

function print(
  deps: Deps,
  { format }: Context,
  { server, id, name, email, tenant, expiresAt }: Identity,
): void {
  const record = {
    id: id ?? null,
    name: name ?? null,
    email: email ?? null,
    server,
    tenant: tenant ?? null,
    expiresAt: expiresAt ?? null,
  }
  // A person of whom a server says no more than `sub` is shown by that.
  const account = name === undefined && email === undefined ? id : undefined
  const fields = Object.entries({ account, name, email, server, tenant, expires: expiresAt })
  const known = fields.flatMap(([label, text]) => (text === undefined ? [] : [[label, text] as const]))
  printRecord(deps.io, format, record, known)
}

/** Within 30 s of its expiry, or where the server has ended the login before. */
function warnOfExpiry(login: StoredLogin, { say }: Context, now: number): void {
  if (login.ended === true) {
    return say(`warning: the server no longer accepts this login — run fob auth login -s ${login.server}`)
  }
  if (login.refused === true) {
    return say(`warning: the server refused to renew this login — run fob auth login -s ${login.server}`)
  }
  const state = stateOf(login, now)
  const seconds = Math.max(0, Math.ceil(((login.expiresAt ?? now) - now) / 1000))
  const when = seconds === 0 ? 'the token has expired' : `the token expires in ${seconds} s`
  if (state === 'renewable') say(`warning: ${when}; the next call renews it`)
  if (state === 'expired') say(`warning: ${when} — run fob auth login -s ${login.server}`)
}
