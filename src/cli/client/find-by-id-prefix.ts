/** Finds the ID that is meant by the first characters of one. */
import type * as v from 'valibot'
import { invitationResponse } from '../../contract/api/members.ts'
import { type RunResponse, runResponse } from '../../contract/api/runs.ts'
import { runnerResponse } from '../../contract/api/runners.ts'
import { tokenResponse } from '../../contract/api/tokens.ts'
import { Fault } from '../../contract/fault.ts'
import { page } from '../../contract/list-page-schema.ts'
import type { Client } from './command-context.ts'
import { fetchAll } from './fetch-all-pages.ts'
import { checkRunId } from './run-api-path-and-page-url.ts'

type ApiClient = Pick<Client, 'api'>

/** UUIDv7 in hex: an ID of this form is whole, and nothing is asked about it. */
const WHOLE = /^[a-z]{3}_[0-9a-f]{32}$/
/** Sorts after every character of an ID. */
const AFTER_ALL = '~'

/**
 * The ID of the run whose ID begins like this, with or without `run_`. What is the beginning of no ID is returned as it
 * is, for the server to refuse.
 * @throws Fault `usage` for the beginning of several, and for what cannot be one
 */
export async function findRunId({ api }: ApiClient, typed: string): Promise<string> {
  checkRunId(typed)
  if (WHOLE.test(typed)) return typed
  const prefix = withType('run', typed)
  // IDs sort by their time, so the newest runs before this place are those that begin with it, if any do.
  const query = { cursor: `${prefix}${AFTER_ALL}`, limit: '2' }
  const ask = api.request({ method: 'GET', path: '/api/runs', query, schema: page(runResponse) })
  const { items } = await ask.catch(noList)
  return onlyOne('run', typed, prefix, items)
}

/** The newest run that the caller sees, of one pipeline or of all. @throws Fault `not_found` where there is none */
export async function newestRun({ api }: ApiClient, pipeline: string | undefined): Promise<RunResponse> {
  const query = { pipeline, limit: '1' }
  const { items } = await api.request({ method: 'GET', path: '/api/runs', query, schema: page(runResponse) })
  const [run] = items
  if (run !== undefined) return run
  throw new Fault('not_found', `there is no run${pipeline === undefined ? '' : ` of ${pipeline}`} yet`, {
    hint: `start one with fob pipeline run ${pipeline ?? 'NAME'}`,
  })
}

/** The ID of the token whose ID begins like this, as `findRunId`. */
export function findTokenId(client: ApiClient, typed: string): Promise<string> {
  return findListedId(
    client,
    { type: 'tok', what: 'token', path: '/api/auth/cli-tokens', item: tokenResponse },
    typed,
  )
}

/** The ID of the runner whose ID begins like this, as `findRunId`. */
export function findRunnerId(client: ApiClient, typed: string): Promise<string> {
  return findListedId(
    client,
    { type: 'rnr', what: 'runner', path: '/api/runners', item: runnerResponse },
    typed,
  )
}

/** The ID of the invitation whose ID begins like this, as `findRunId`. */
export function findInvitationId(client: ApiClient, typed: string): Promise<string> {
  return findListedId(
    client,
    { type: 'inv', what: 'invitation', path: '/api/invitations', item: invitationResponse },
    typed,
  )
}

interface Listing {
  /** What its IDs begin with. */
  type: string
  what: string
  path: string
  item: v.GenericSchema<unknown, { id: string }>
}

async function findListedId(
  { api }: ApiClient,
  { type, what, path, item }: Listing,
  typed: string,
): Promise<string> {
  if (WHOLE.test(typed)) return typed
  const items = await fetchAll(api, path, item).catch(() => [])
  return onlyOne(what, typed, withType(type, typed), items)
}

function withType(type: string, typed: string): string {
  return typed.startsWith(`${type}_`) ? typed : `${type}_${typed}`
}

/** @throws Fault `usage` where more than one begins with `prefix` */
function onlyOne(what: string, typed: string, prefix: string, items: readonly { id: string }[]): string {
  // The letters that all IDs begin with name none of them, even where there is but one.
  if (/^[a-z]{3}_$/.test(prefix)) throw new Fault('usage', `that is the ID of no ${what}`)
  if (items.some(({ id }) => id === typed)) return typed
  const [first, second] = items.filter(({ id }) => id.startsWith(prefix))
  if (first === undefined) return typed
  if (second === undefined) return first.id
  throw new Fault('usage', `more than one ${what} has an ID that begins like this`, {
    hint: `type more of it: ${first.id}, ${second.id}, …`,
  })
}

/** Without the right to list, or at a server without this list, only a whole ID is understood. */
function noList(error: unknown): { items: { id: string }[] } {
  if (error instanceof Fault && (error.code === 'forbidden' || error.code === 'not_found'))
    return { items: [] }
  throw error
}
