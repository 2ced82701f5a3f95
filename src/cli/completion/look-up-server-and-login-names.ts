/**
 * Owns: the names that a server and the stored logins have, as candidates at the cursor.
 * Refuses: to present anything but a stored login, to prompt, to wait long, to complain, and to offer a name that
 * a shell could read as anything but one word.
 */
import { invitationResponse, memberResponse } from '../../contract/api/members.ts'
import { pipelineResponse } from '../../contract/api/pipelines.ts'
import { runResponse } from '../../contract/api/runs.ts'
import { secretResponse } from '../../contract/api/secrets.ts'
import { page } from '../../contract/list-page-schema.ts'
import { runnerResponse } from '../../contract/api/runners.ts'
import { tokenResponse } from '../../contract/api/tokens.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { accountName } from '../../session/account-display-names.ts'
import { type Client, clientOf, type Context, openContext } from '../client/command-context.ts'
import type { Listed } from '../parsing/argument-definitions.ts'
import { memberships } from '../client/list-tenant-memberships.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { fetchAll } from '../client/fetch-all-pages.ts'
import type { Candidate, Given, Lookup } from './complete-at-cursor.ts'

/** How long a completion may wait for a server. */
const TIMEOUT_MS = 1500
/** More names than a person reads through. */
const MAX_NAMES = 500
/** Of runs, the newest: their names say nothing. */
const MAX_RUNS = 30
const MAX_DESCRIPTION = 60

/**
 * One word in every shell, whatever a server or a stored file calls it: it will stand on the command line unquoted,
 * and no flag. A name that is not offered can still be typed.
 */
const PLAIN_WORD = /^[\p{L}\p{N}_][\p{L}\p{N}_@%+:,./-]*$/u

export function lookupWith(deps: Deps): Lookup {
  return async (what, given) => {
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TIMEOUT_MS)])
    try {
      const found = await orAborted(list(what, { ...deps, signal }, globalsOf(given)), signal)
      return found
        .filter(({ value }) => PLAIN_WORD.test(value))
        .map(({ value, description = '' }) => ({
          value,
          description: safeLine(description, MAX_DESCRIPTION),
        }))
    } catch {
      // A completion that finds no names shows no error either.
      return []
    }
  }
}

async function list(what: Listed, deps: Deps, globals: Globals): Promise<Candidate[]> {
  const context = await openContext(deps, globals)
  if (what === 'server' || what === 'login') return logins(context, what)
  const session = await context.session()
  // A key that was pressed to see what there is must not carry what was meant for a command.
  if (session.presented.kind !== 'stored' && session.presented.kind !== 'none') return []
  if (what === 'tenant') {
    const { tenants } = await memberships(deps, { ...globals, tenant: undefined })
    return tenants.map(({ slug, name }) => ({ value: slug, description: name ?? '' }))
  }
  return LISTS[what](await clientOf(deps, globals, context, session))
}

/** Every server once; of logins also what they are called. */
async function logins({ store }: Context, what: 'server' | 'login'): Promise<Candidate[]> {
  const stored = await store.list()
  const servers = Map.groupBy(stored, ({ server }) => server)
  const accounts = stored.map((login) => ({ value: accountName(login), description: login.server }))
  return [
    ...(what === 'login' ? accounts : []),
    ...[...servers].map(([value, here]) => ({ value, description: here.map(accountName).join(', ') })),
  ]
}

const LISTS: Readonly<
  Record<Exclude<Listed, 'login' | 'server' | 'tenant'>, (client: Client) => Promise<Candidate[]>>
> = {
  async pipeline({ api }) {
    const found = await fetchAll(api, '/api/pipelines', pipelineResponse, { limit: MAX_NAMES })
    return found.map(({ name, paused }) => ({ value: name, description: paused ? 'paused' : '' }))
  },
  async run({ api }) {
    const found = await fetchAll(api, '/api/runs', runResponse, { limit: MAX_RUNS })
    return found.map(({ id, pipeline, status, createdAt }) => ({
      value: id,
      description: `${pipeline} ${status} ${createdAt}`,
    }))
  },
  async secret({ api }) {
    const { items } = await api.request({ method: 'GET', path: '/api/secrets', schema: page(secretResponse) })
    return items.map(({ key, scope, pipeline }) => ({ value: key, description: pipeline ?? scope }))
  },
  async token({ api }) {
    const found = await fetchAll(api, '/api/auth/cli-tokens', tokenResponse, { limit: MAX_NAMES })
    return found.map(({ id, name }) => ({ value: id, description: name ?? '' }))
  },
  async member({ api }) {
    const found = await fetchAll(api, '/api/members', memberResponse, { limit: MAX_NAMES })
    return found.map(({ person, role, pending }) => ({
      value: person,
      description: pending ? `${role}, pending` : role,
    }))
  },
  async invitation({ api }) {
    const found = await fetchAll(api, '/api/invitations', invitationResponse, { limit: MAX_NAMES })
    return found.map(({ id, email, role }) => ({ value: id, description: `${role} ${email ?? ''}` }))
  },
  async runner({ api }) {
    const found = await fetchAll(api, '/api/runners', runnerResponse, { limit: MAX_NAMES })
    return found.map(({ id, name }) => ({ value: id, description: name ?? '' }))
  },
}

function globalsOf(given: Given): Globals {
  return {
    server: given.server,
    tenant: given.tenant,
    authToken: undefined,
    jwtToken: undefined,
    authConfig: given['auth-config'],
    output: undefined,
    silent: true,
    debug: false,
    input: false,
  }
}
