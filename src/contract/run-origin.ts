/** From where a run was started. */
export type RunOrigin =
  /** A page of the server, a command of fob, a tool of `/mcp`, any other client of the API. */
  | { kind: 'page' | 'cli' | 'mcp' | 'api' }
  | { kind: 'schedule'; cron: string; timeZone: string }
  /** `delivery`: what the sender calls it, where it says that. */
  | { kind: 'webhook'; provider: string; delivery: string | null }

const WORDS = {
  page: 'a page of the server',
  cli: 'the command line',
  mcp: 'a tool of MCP',
  api: 'the API',
} as const

/** The same in words, for people. */
export function describeOrigin(origin: RunOrigin): string {
  if (origin.kind === 'schedule') return `the schedule ${origin.cron} (${origin.timeZone})`
  if (origin.kind !== 'webhook') return WORDS[origin.kind]
  const delivery = origin.delivery === null ? '' : `, delivery ${origin.delivery}`
  return `a webhook (${origin.provider})${delivery}`
}
