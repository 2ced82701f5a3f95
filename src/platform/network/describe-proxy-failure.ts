/** A failed request that went through a proxy: names the proxy, and the variable that it comes from. */
import { ProxyFailure, type Reason, reasonOf } from './describe-fetch-failure.ts'
import type { Proxy } from './find-proxy-for-request.ts'

/** What a failure to get a response through `proxy` means. */
export function proxyFailure(url: URL, proxy: Proxy, error: unknown): ProxyFailure {
  const named = nameOf(proxy)
  const directly = `list ${url.hostname} in NO_PROXY where it is reached without one`
  if (proxy.kind === 'socks' || proxy.kind === 'unknown') return notHttp(proxy, directly, error)
  const status = tunnelStatus(error)
  // tinyproxy responds with 401 to a wrong password.
  if (status === 407 || status === 401) return passwordNeeded(proxy, status, error)
  if (status !== undefined) {
    return new ProxyFailure(`${named} responded with ${status} instead of connecting to ${url.host}`, {
      hint: `does it allow this server, and is ${url.hostname} its name? ${directly}`,
      cause: error,
    })
  }
  const reason = reasonOf(error)
  const { fact, hint } = described(reason, named, proxy)
  return new ProxyFailure(fact, {
    hint: `${hint}; ${directly}`,
    mayHaveArrived: reason.mayHaveArrived,
    cause: error,
  })
}

/** A proxy that asks for a password that it was not given, or was given a wrong one. */
export function passwordNeeded(proxy: Proxy, status: number, cause?: unknown): ProxyFailure {
  const fact = proxy.hasPassword
    ? `${nameOf(proxy)} does not accept the password in ${proxy.variable} (${status})`
    : `${nameOf(proxy)} asks for a name and a password (${status})`
  return new ProxyFailure(fact, { hint: `set ${proxy.variable}=http://NAME:PASSWORD@HOST:PORT`, cause })
}

/** A page in the place of a response that the server would give. */
export function pageOfProxy(url: URL, proxy: Proxy, status: number): ProxyFailure {
  return new ProxyFailure(`${nameOf(proxy)} responded with a page (${status}) in the place of ${url.host}`, {
    hint: `open ${url.origin} in a browser to read it; list ${url.hostname} in NO_PROXY where it is reached without a proxy`,
    mayHaveArrived: true,
  })
}

function nameOf({ origin, variable }: Proxy): string {
  return origin === undefined ? `the proxy in ${variable}` : `the proxy ${origin} (${variable})`
}

function notHttp(proxy: Proxy, directly: string, cause: unknown): ProxyFailure {
  const { kind, variable } = proxy
  const fact =
    kind === 'socks'
      ? `${nameOf(proxy)} is a SOCKS proxy, and fob uses HTTP proxies`
      : `${nameOf(proxy)} is not the address of an HTTP proxy`
  return new ProxyFailure(fact, { hint: `set ${variable}=http://HOST:PORT; ${directly}`, cause })
}

function described(reason: Reason, named: string, proxy: Proxy): { fact: string; hint: string } {
  const { variable } = proxy
  switch (reason.kind) {
    case 'refused':
    case 'no-host':
    case 'not-opened':
      return { fact: `cannot reach ${named}: ${reason.words}`, hint: `is it running? correct ${variable}` }
    case 'not-tls':
      return {
        fact: `${named} answers, but what comes through it is not TLS`,
        hint: 'the proxy may answer with a page of its own, or the server has no TLS',
      }
    case 'unknown-ca':
    case 'expired':
    case 'not-yet-valid':
    case 'wrong-name':
    case 'untrusted': {
      const whose = proxy.kind === 'https' ? `of ${named} or behind it` : `that comes through ${named}`
      return {
        fact: `the certificate ${whose} ${reason.certificate}`,
        hint: `it is the proxy's own where the proxy opens TLS; ${reason.hint}`,
      }
    }
    case 'closed':
      return {
        fact: `${named} closed the connection without a response`,
        hint: 'is it an HTTP proxy? a SOCKS proxy closes like this',
      }
    case 'late':
      return { fact: `no response came through ${named} in time`, hint: `is it an HTTP proxy?` }
    case 'failed':
    case 'proxy':
  }
  return { fact: `no response came through ${named}`, hint: `is it an HTTP proxy?` }
}

/** The status of a proxy that opens no tunnel to the server. */
function tunnelStatus(error: unknown): number | undefined {
  const { code, status } = (error ?? {}) as { code?: unknown; status?: unknown }
  return code === 'ERR_PROXY_TUNNEL' && typeof status === 'number' ? status : undefined
}
