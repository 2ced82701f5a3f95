/** `fetch` as commands have it: a request that fails at a proxy says which one, and what named it. */
import type { Fetch } from '../fetch-type.ts'
import { reasonOf } from './describe-fetch-failure.ts'
import type { Proxy } from './find-proxy-for-request.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** Statuses by which a server itself says that it has no such path, or wants to know who asks. */
const OF_THE_SERVER = new Set([400, 401, 404, 405, 410])

/**
 * Sends as `fetch` does, which takes proxies from the environment.
 * @param env the variables of the process, after `mergeNoProxy`
 * @throws ProxyFailure where a request got no response of the server through a proxy; what `fetch` throws otherwise
 */
export function fetchNamingProxies(fetch: Fetch, env: Variables): Fetch {
  if (!Object.keys(env).some((name) => /_proxy$/i.test(name) && !/^no_/i.test(name))) return fetch
  return async (url, init) => {
    let response: Response
    try {
      response = await fetch(url, init)
    } catch (error) {
      if (isStopped(init?.signal)) throw error
      throw await namingProxy(url, env, error)
    }
    await refuseProxyResponse(url, env, response)
    return response
  }
}

/** Stopped by the person, and not by a deadline. */
function isStopped(signal: AbortSignal | null | undefined): boolean {
  if (signal?.aborted !== true) return false
  const reason: unknown = signal.reason
  return !(reason instanceof DOMException && reason.name === 'TimeoutError')
}

async function namingProxy(text: string, env: Variables, error: unknown): Promise<unknown> {
  const url = new URL(text)
  const { proxyOf } = await import('./find-proxy-for-request.ts')
  const proxy = proxyOf(url, env)
  if (proxy === undefined || !meetsProxy(proxy, error)) return error
  return (await import('./describe-proxy-failure.ts')).proxyFailure(url, proxy, error)
}

/**
 * `fetch` passes over a SOCKS proxy in `ALL_PROXY` and connects directly: that explains why nothing was reached, but
 * not what a server then did.
 */
function meetsProxy({ kind, variable }: Proxy, error: unknown): boolean {
  if (kind !== 'socks' || !/^all_proxy$/i.test(variable)) return true
  return ['refused', 'no-host', 'not-opened', 'late'].includes(reasonOf(error).kind)
}

/** Over http a proxy can respond in the place of the server; over https it cannot, once there is a tunnel. */
async function refuseProxyResponse(text: string, env: Variables, response: Response): Promise<void> {
  const { status, headers } = response
  const isPage = /^text\/html\b/i.test(headers.get('content-type') ?? '') && !OF_THE_SERVER.has(status)
  if (status !== 407 && !isPage) return
  const url = new URL(text)
  if (url.protocol !== 'http:') return
  const { proxyOf } = await import('./find-proxy-for-request.ts')
  const proxy = proxyOf(url, env)
  if (proxy === undefined || proxy.kind === 'socks') return
  await response.body?.cancel()
  const { pageOfProxy, passwordNeeded } = await import('./describe-proxy-failure.ts')
  throw status === 407 ? passwordNeeded(proxy, status) : pageOfProxy(url, proxy, status)
}
