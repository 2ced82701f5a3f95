/** A client for an identity provider's REST API. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { identityProviderFault } from './code-flow-client.ts'
import type { Fetch } from '../../../platform/fetch-type.ts'

/** Calls an identity provider's API with the token of the person who is logging in. */

/** A list of a thousand organizations has some 200 KiB. */
const MAX_BYTES = 4 * 1024 * 1024
/** For everything that one login has to ask. */
const ALL_SECONDS = 20
const MAX_PAGES = 50

export interface RestClientDeps {
  fetch: Fetch
  label: string
  /** Sent to this origin and to no other. */
  origin: string
  token: string
  headers: Readonly<Record<string, string>>
}

export interface RestClient {
  get<T>(url: URL, schema: v.GenericSchema<unknown, T>): Promise<T>
  /** Every page of a list. @param next where the following page is, from one page and its headers. */
  all<T>(
    first: URL,
    schema: v.GenericSchema<unknown, T>,
    next: (page: T, headers: Headers) => string | undefined,
  ): Promise<T[]>
}

/** @throws Fault (all methods) `unreachable` for no response or 5xx, `failed` for one that is not understood. */
export function openRestClient({ fetch, label, origin, token, headers }: RestClientDeps): RestClient {
  const signal = AbortSignal.timeout(ALL_SECONDS * 1000)
  const ask = async <T>(url: URL, schema: v.GenericSchema<unknown, T>) => {
    if (url.origin !== origin) throw new Fault('failed', `${label} pointed to another host`)
    let response: Response
    try {
      response = await fetch(url.href, {
        headers: { accept: 'application/json', ...headers, authorization: `Bearer ${token}` },
        redirect: 'manual',
        signal,
      })
    } catch (error) {
      throw identityProviderFault(error, label)
    }
    if (!response.ok) {
      await response.body?.cancel()
      const down = response.status >= 500 || response.status === 429
      throw new Fault(
        down ? 'unreachable' : 'failed',
        `${label} answered ${response.status} to ${url.pathname}`,
        { cause: response },
      )
    }
    const parsed = v.safeParse(schema, await readJson(response, label))
    if (!parsed.success) throw new Fault('failed', `${label} answered ${url.pathname} in an unknown shape`)
    return { page: parsed.output, headers: response.headers }
  }
  return {
    get: async (url, schema) => (await ask(url, schema)).page,
    all: async (first, schema, next) => {
      const pages = []
      let url: URL | undefined = first
      while (url !== undefined) {
        // Half of a list is worse than none: a rule may say who must not be in it.
        if (pages.length === MAX_PAGES)
          throw new Fault('failed', `${label} listed more than ${MAX_PAGES} pages`)
        const { page, headers: received } = await ask(url, schema)
        pages.push(page)
        const following = next(page, received)
        url = following === undefined ? undefined : new URL(following, url)
      }
      return pages
    },
  }
}

async function readJson(response: Response, label: string): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength
      if (size > MAX_BYTES) throw new Fault('failed', `${label} sent more than ${MAX_BYTES} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw identityProviderFault(error, label)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new Fault('failed', `${label} sent something that is not JSON`)
  }
}
