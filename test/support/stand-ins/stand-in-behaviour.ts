/** The next behaviour of a stand-in, which a test can change at any time. */
import { randomBytes } from 'node:crypto'

export interface StandInBehaviour {
  /** What the person does on the identity provider's page. */
  consent: 'grant' | 'deny'
  /** `state` of the answer; as it came without it. */
  state?: string
  /** Paths (by their beginning) that answer with this status, in the identity provider's error shape. */
  broken: Map<string, number>
  /** Paths (by their beginning) that never answer. */
  slow: Set<string>
  /** Codes are refused as too old. */
  codesExpired: boolean
}

/** Refresh tokens that are good once; a second use of one ends all that came of it, as GitLab does. */
export interface RotatingTokens {
  /** Access tokens that work. */
  access: Set<string>
  refresh: Set<string>
  issue(prefix?: string): { access: string; refresh: string }
  /** Undefined for a token that is not, or no longer, good. */
  rotate(refresh: string, prefix?: string): { access: string; refresh: string } | undefined
  /** Ends all of them. */
  revoke(): void
}

export function rotatingTokens(): RotatingTokens {
  const access = new Set<string>()
  const refresh = new Set<string>()
  const used = new Set<string>()
  const issue = (prefix = '') => {
    const pair = { access: prefix + random(), refresh: `refresh-${random()}` }
    access.add(pair.access)
    refresh.add(pair.refresh)
    return pair
  }
  const revoke = () => {
    access.clear()
    refresh.clear()
  }
  return {
    access,
    refresh,
    issue,
    revoke,
    rotate: (token, prefix) => {
      if (used.has(token)) revoke()
      if (!refresh.delete(token)) return undefined
      used.add(token)
      access.clear()
      return issue(prefix)
    },
  }
}

function random(): string {
  return randomBytes(18).toString('hex')
}

export function newBehaviour(): StandInBehaviour {
  return { consent: 'grant', broken: new Map(), slow: new Set(), codesExpired: false }
}

/** What stands in the way of an answer, if anything. */
export async function obstacle(behaviour: StandInBehaviour, request: Request): Promise<Response | undefined> {
  const { pathname } = new URL(request.url)
  if ([...behaviour.slow].some((start) => pathname.startsWith(start))) {
    await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()))
    return new Response(null, { status: 504 })
  }
  const [, status] = [...behaviour.broken].find(([start]) => pathname.startsWith(start)) ?? []
  return status === undefined
    ? undefined
    : new Response('<html><title>Unicorn!</title></html>', {
        status,
        headers: { 'content-type': 'text/html' },
      })
}

export interface StandIn {
  url: string
  clientId: string
  clientSecret: string
  behaviour: StandInBehaviour
  /** Every request as `METHOD /path`, and the queries of authorize. */
  requests: string[]
  authorizations: URLSearchParams[]
  stop(): Promise<void>
}
