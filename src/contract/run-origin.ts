/** From where a run was started, as its record says it. */
import * as v from 'valibot'

export const runOrigin = v.variant('kind', [
  /**
   * A page of the server, a command of fob, a tool of `/mcp`, any other client of the API. `request`: it was given the
   * request of a webhook again.
   */
  v.object({ kind: v.picklist(['page', 'cli', 'mcp', 'api']), request: v.optional(v.boolean()) }),
  v.object({ kind: v.literal('schedule'), cron: v.string(), timeZone: v.string() }),
  /** `delivery`: what the sender calls it, where it says that. */
  v.object({ kind: v.literal('webhook'), provider: v.string(), delivery: v.nullable(v.string()) }),
])
export type RunOrigin = v.InferOutput<typeof runOrigin>

const WORDS = {
  page: 'a page of the server',
  cli: 'the command line',
  mcp: 'a tool of MCP',
  api: 'the API',
} as const

/** The same in words, for people. */
export function describeOrigin(origin: RunOrigin): string {
  if (origin.kind === 'schedule') return `the schedule ${origin.cron} (${origin.timeZone})`
  if (origin.kind !== 'webhook') {
    return origin.request === true
      ? `${WORDS[origin.kind]}, with the request of a webhook`
      : WORDS[origin.kind]
  }
  const delivery = origin.delivery === null ? '' : `, delivery ${origin.delivery}`
  return `a webhook (${origin.provider})${delivery}`
}
