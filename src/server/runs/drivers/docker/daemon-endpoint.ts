/** Where the Docker daemon listens: --docker-host, DOCKER_HOST, Docker's contexts, the usual socket. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { parseJson } from '../../../../platform/parse-json.ts'
import type { Env } from '../../../../platform/processes/own-and-child-environment.ts'

/** The address of the Docker daemon. */
export interface Endpoint {
  /** For people: `unix:///var/run/docker.sock`. */
  name: string
  /** The start of every API address. */
  origin: string
  /** The path of the socket; undefined for TCP. */
  socket: string | undefined
  tls: TlsFiles | undefined
}

/** In PEM. Without `ca`, the authorities of this machine are trusted. */
interface TlsFiles {
  ca: string | undefined
  cert: string | undefined
  key: string | undefined
}

export interface EndpointSources {
  /** `--docker-host`; it wins. */
  host: string | undefined
  env: Env
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

const configFile = v.looseObject({ currentContext: v.optional(v.string()) })
const contextFile = v.looseObject({
  Endpoints: v.looseObject({ docker: v.looseObject({ Host: v.string() }) }),
})

/**
 * The daemon that Docker's own command line would use: `DOCKER_HOST`, else the context of `DOCKER_CONTEXT`, else the
 * context of Docker's settings, else the usual socket. TCP is used with TLS (`DOCKER_TLS_VERIFY` or
 * `DOCKER_CERT_PATH`) and the certificate is always checked; TCP without TLS only on this machine.
 * @throws Fault `config` that names what cannot be used.
 */
export function findEndpoint({ host, env }: EndpointSources): Endpoint {
  const folder = env.DOCKER_CONFIG || join(env.HOME ?? '/', '.docker')
  const named = host ?? (env.DOCKER_HOST || undefined)
  if (named !== undefined) return parseHost(named, tlsOfEnv(env, folder))
  const context = env.DOCKER_CONTEXT || currentContext(folder)
  if (context === undefined || context === 'default') return parseHost(DEFAULT_HOST, undefined)
  const id = new Bun.CryptoHasher('sha256').update(context).digest('hex')
  const meta = readText(join(folder, 'contexts/meta', id, 'meta.json'))
  const parsed = v.safeParse(contextFile, parseJson(meta ?? ''))
  if (!parsed.success) {
    throw new Fault('config', `there is no Docker context ${context}`, { hint: 'docker context ls' })
  }
  return parseHost(parsed.output.Endpoints.docker.Host, readTls(join(folder, 'contexts/tls', id, 'docker')))
}

function parseHost(host: string, tls: TlsFiles | undefined): Endpoint {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/i.exec(host) ?? []
  if (scheme === 'unix' && rest.startsWith('/')) {
    return { name: host, origin: 'http://localhost', socket: rest, tls: undefined }
  }
  if (scheme === 'ssh') {
    throw new Fault('config', `a Docker daemon over ssh is not supported: ${host}`, {
      hint: 'forward its socket, and name that: ssh -nNT -L /run/daemon.sock:/var/run/docker.sock HOST',
    })
  }
  const isTcp = scheme === 'tcp' || scheme === 'http' || scheme === 'https'
  const url = isTcp ? URL.parse(`https://${rest}`) : null
  if (url === null || url.username !== '' || url.pathname !== '/' || url.search !== '') {
    throw new Fault('config', `cannot reach a Docker daemon at ${withoutUser(host)}`, {
      hint: '--docker-host and DOCKER_HOST are unix:///PATH or tcp://HOST:PORT',
    })
  }
  const secured = tls ?? (scheme === 'https' ? { ca: undefined, cert: undefined, key: undefined } : undefined)
  if (secured === undefined && !LOOPBACK.test(url.hostname)) {
    // The environment of a task, secrets included, would be readable on the network.
    throw new Fault('config', `${host} is not on this machine and DOCKER_TLS_VERIFY is not set`, {
      hint: 'set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH',
    })
  }
  const port = url.port === '' ? (secured === undefined ? 2375 : 2376) : url.port
  const origin = `${secured === undefined ? 'http' : 'https'}://${url.hostname}:${port}`
  return { name: host, origin, socket: undefined, tls: secured }
}

function withoutUser(host: string): string {
  return host.replace(/\/\/[^@/]*@/, '//')
}

function tlsOfEnv(env: Env, folder: string): TlsFiles | undefined {
  if (!env.DOCKER_TLS_VERIFY && !env.DOCKER_CERT_PATH) return undefined
  const path = env.DOCKER_CERT_PATH || folder
  return readTls(path) ?? { ca: undefined, cert: undefined, key: undefined }
}

function readTls(folder: string): TlsFiles | undefined {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readText(join(folder, name)))
  return ca === undefined && cert === undefined ? undefined : { ca, cert, key }
}

function currentContext(folder: string): string | undefined {
  const parsed = v.safeParse(configFile, parseJson(readText(join(folder, 'config.json')) ?? ''))
  return parsed.success ? parsed.output.currentContext || undefined : undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
