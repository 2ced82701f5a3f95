/** The login of `fob mcp-proxy`: what its flags and variables say, and the browser of this machine. */
import { Fault } from '../../contract/fault.ts'
import { parseTimeout } from '../parsing/duration-flags.ts'
import { guardedLoginFetch } from '../../mcp/authorization/guarded-login-fetch.ts'
import { VERSION } from '../../platform/build-constants.ts'
import { proxyOf } from '../../platform/network/find-proxy-for-request.ts'
import { type RemoteLogin, remoteLogin } from '../../mcp/authorization/remote-login.ts'
import { Secret } from '../../redact/secret.ts'
import type { Deps } from '../deps.ts'

export interface LoginFlags {
  clientId: string | undefined
  /** `env:NAME` */
  clientSecret: string | undefined
  resource: string | false | undefined
  timeout: string | undefined
  /** Logins at addresses of private networks. */
  allowPrivate: boolean
}

const DEFAULT_TIMEOUT = '2m'

/** @throws Fault `usage` for a flag or a variable that is not in its form */
export function connectLogin(
  url: string,
  { clientId, clientSecret, resource, timeout = DEFAULT_TIMEOUT, allowPrivate }: LoginFlags,
  deps: Deps,
  log: (line: string) => void,
): RemoteLogin {
  const { env, clock, signal, io } = deps
  return remoteLogin({
    url,
    fetch:
      allowPrivate || usesProxy(url, env)
        ? deps.fetch
        : guardedLoginFetch(url, { userAgent: `fob/${VERSION}` }),
    clock,
    signal,
    client: { clientId, clientSecret: readSecret(clientSecret, env), name: env.MCP_CLIENT_NAME || 'fob' },
    resource,
    timeoutMs: parseTimeout(timeout, '--timeout'),
    freePort: () => firstFreePort(fixedPort(env.FOB_PROXY_PORT)),
    openUrl: async (address) =>
      (await import('../../platform/browser/open-browser.ts')).openBrowser(address, { env }),
    say: (line) => {
      if (line.trim() === '') return
      log(line.trim())
      io.stderr.write(`${line}\n`)
    },
  })
}

/** A proxy looks names up by itself, and has rules of its own. */
function usesProxy(url: string, env: Deps['env']): boolean {
  return proxyOf(new URL(url), env) !== undefined
}

function readSecret(flag: string | undefined, env: Deps['env']): Secret | undefined {
  if (flag === undefined) return undefined
  const [, name = ''] = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(flag) ?? []
  if (name === '') {
    throw new Fault(
      'usage',
      '--client-secret takes env:NAME: other users of this machine can read arguments',
      {
        hint: 'put the secret into a variable, and name that',
      },
    )
  }
  const value = env[name]
  if (value === undefined || value === '') {
    throw new Fault('usage', `--client-secret: the variable ${name} is not set`)
  }
  return new Secret(value)
}

function fixedPort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text)
  throw new Fault('usage', 'FOB_PROXY_PORT takes a port, 1 to 65535')
}

/** The fixed port where it is free, else one that the system chooses. */
function firstFreePort(fixed: number | undefined): number {
  for (const port of fixed === undefined ? [0] : [fixed, 0]) {
    try {
      const server = Bun.serve({
        hostname: '127.0.0.1',
        port,
        fetch: () => new Response(null, { status: 404 }),
      })
      const { port: found } = server
      void server.stop(true)
      if (found !== undefined) return found
    } catch {
      // Another program has it.
    }
  }
  throw new Fault('failed', 'no port is free on 127.0.0.1 for the response of the browser')
}
