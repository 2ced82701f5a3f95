/** The lines of `--debug` about requests and responses: places, names and types, and nothing that is secret. */
import type { Fetch } from '../platform/fetch-type.ts'

type Debug = (line: string) => void

/** Fields of OAuth requests that are no secret. */
const SHOWN: ReadonlySet<string> = new Set(['client_id', 'grant_type', 'scope', 'token_type_hint'])
const COMMON_TYPE =
  /^(?:application\/(?:problem\+)?json|text\/(?:event-stream|html|plain))(?:; ?charset=utf-8)?$/i

/** `fetch` with a line for each request and each response: for requests that are no calls of the API. */
export function traced(fetch: Fetch, debug: Debug): Fetch {
  return async (url, init) => {
    debug(`${requestLine(init?.method ?? 'GET', new URL(url))}${fieldsOf(init?.body)}`)
    const response = await fetch(url, init)
    debug(responseLine(response))
    return response
  }
}

/** A context whose requests are traced. */
export function tracedContext<T extends { fetch: Fetch; debug: Debug }>(context: T): T {
  return { ...context, fetch: traced(context.fetch, context.debug) }
}

/** Values of a query can be private; its names are enough to follow what happens. */
export function requestLine(method: string, { origin, pathname, searchParams }: URL): string {
  const names = [...searchParams.keys()]
  const query = names.length === 0 ? '' : `?${names.map((name) => `${name}=…`).join('&')}`
  return `> ${method} ${origin}${pathname}${query}`
}

/** Only common types are shown: any other is the server's own words, which could repeat a credential. */
export function responseLine({ status, headers }: Response): string {
  const type = headers.get('content-type') ?? ''
  return `< ${status} ${COMMON_TYPE.test(type) ? type : ''}`.trimEnd()
}

function fieldsOf(body: unknown): string {
  if (!(body instanceof URLSearchParams)) return ''
  return [...body].map(([name, value]) => ` ${name}=${SHOWN.has(name) ? value : '…'}`).join('')
}
