/** Reads the `source` of a git resource: address, branch, and how git authenticates. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import { knownHosts } from './known-host-keys.ts'
import { parse, plainText, secretText } from '../parse-host-call-fields.ts'

/** How git authenticates; everything except `url` stays off its command line. */
export type Access =
  | { kind: 'http'; origin: string; login: { username: string; password: Secret } | undefined }
  | { kind: 'ssh'; key: Secret; knownHosts: string }

export interface GitSource {
  /** Without user and password. */
  url: string
  protocol: 'https' | 'http' | 'ssh'
  /** A host name or an address, IPv6 without brackets. */
  host: string
  port: number
  branch: string | undefined
  access: Access
}

/** The rules of git-check-ref-format(1), without names that a command could take for an option. */
export function isRefName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what it refuses
  const isPlain = /^[^\u0000-\u0020\u007f~^:?*[\\]{1,250}$/.test(name)
  return isPlain && !/^[-/.]|[/.]$|\.\.|\/\/|\/\.|@\{|^@$/.test(name) && !/\.lock(?:\/|$)/.test(name)
}

export const refName = v.pipe(plainText, v.check(isRefName, 'is not a name that git takes'))

const schema = v.strictObject({
  uri: plainText,
  branch: v.optional(refName),
  username: v.optional(plainText),
  password: v.optional(secretText),
  token: v.optional(secretText),
  private_key: v.optional(secretText),
  known_hosts: v.optional(plainText),
})
type Given = v.InferOutput<typeof schema>

/** @throws Fault `usage` for what is not understood, `failed` for an unknown host */
export function readGitSource(source: unknown, network: Network): GitSource {
  const given = parse(schema, source, 'source.')
  const { branch } = given
  const web = webAddress(given.uri)
  if (web === undefined || given.private_key !== undefined) return { ...sshSource(given, web), branch }
  const { protocol, url, host, port, origin } = web
  if (protocol === 'http' && !network.trusts(host)) {
    throw new Fault('usage', 'source.uri is http', {
      hint: `use https, or ask the operator for: fob server --allow-network ${host}`,
    })
  }
  return { url, protocol, host, port, branch, access: { kind: 'http', origin, login: loginOf(given, web) } }
}

interface WebAddress {
  protocol: 'https' | 'http'
  /** As written in a URL. */
  hostname: string
  host: string
  port: number
  origin: string
  path: string
  url: string
  username: string
  password: string
}

/** The parts of an https or http URL; undefined for another scheme. */
function webAddress(uri: string): WebAddress | undefined {
  if (!/^https?:\/\//i.test(uri)) return undefined
  const parsed = URL.canParse(uri) ? new URL(uri) : undefined
  if (parsed === undefined || parsed.search !== '' || parsed.hash !== '' || parsed.pathname === '/') {
    throw new Fault('usage', 'source.uri is not the address of a repository', {
      hint: 'for example https://github.com/my-org/repo.git',
    })
  }
  const { hostname, origin, pathname } = parsed
  return {
    protocol: parsed.protocol === 'https:' ? 'https' : 'http',
    hostname,
    host: bare(hostname),
    port: Number(parsed.port || (parsed.protocol === 'https:' ? 443 : 80)),
    origin,
    path: pathname,
    url: `${origin}${pathname}`,
    username: decoded(parsed.username),
    password: decoded(parsed.password),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Fault('usage', 'source.uri has a user or password that is not percent-encoded')
  }
}

function loginOf(given: Given, web: WebAddress) {
  const fromUri = web.password === '' ? undefined : new Secret(web.password)
  const password = given.token ?? given.password ?? fromUri
  if (given.token !== undefined && given.password !== undefined) {
    throw new Fault('usage', 'source has a token and a password')
  }
  // `https://TOKEN@host/…`
  const [alone, named] = password === undefined ? [web.username, ''] : ['', web.username]
  if (password === undefined && alone === '') return undefined
  const username = given.username ?? (named === '' ? defaultUser(web.hostname) : named)
  const login = { username, password: password ?? new Secret(alone) }
  if (/[\r\n]/.test(`${username}${login.password.reveal()}`)) {
    throw new Fault('usage', 'the user or the password of source has more than one line')
  }
  return login
}

/** The user name that services require beside a token; other services accept any. */
function defaultUser(hostname: string): string {
  return hostname === 'bitbucket.org' ? 'x-token-auth' : 'x-access-token'
}

interface SshAddress {
  url: string
  host: string
  port: number
}

function sshSource(given: Given, web: WebAddress | undefined): Omit<GitSource, 'branch'> {
  if (given.token !== undefined || given.password !== undefined) {
    throw new Fault('usage', 'source has a password or token, and a repository that is asked over ssh', {
      hint: 'ssh takes private_key, https takes token',
    })
  }
  // A key means ssh, also when the address was copied from the browser.
  const address = web
    ? { url: `ssh://git@${web.hostname}${web.path}`, host: web.host, port: 22 }
    : sshAddress(given.uri)
  const { private_key: key } = given
  if (key === undefined) {
    throw new Fault('usage', 'source.private_key is missing', {
      hint: 'ssh needs one: secret:GIT_DEPLOY_KEY',
    })
  }
  const { host, port, url } = address
  const known = knownHosts(given.known_hosts, host, port)
  if (known === undefined) {
    throw new Fault('failed', `the host key of ${host} is not known`, {
      hint:
        portHint(url) ??
        `put what this prints into source.known_hosts, after comparing it: ssh-keyscan -p ${port} ${host}`,
    })
  }
  return { url, protocol: 'ssh', host, port, access: { kind: 'ssh', key, knownHosts: known } }
}

const USER = String.raw`(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?`
const HOST = String.raw`([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])`
const PATH = String.raw`[^\u0000-\u001f\u007f]+`
const SSH_URL = new RegExp(`^ssh://${USER}${HOST}(?::(\\d{1,5}))?/${PATH}$`)
/** `git@host:path`, the form of scp(1). */
const SCP_LIKE = new RegExp(`^${USER}${HOST}:(?![-/]{2})(?!-)${PATH}$`)

function sshAddress(uri: string): SshAddress {
  const url = SSH_URL.exec(uri)
  if (url) return { url: uri, host: bare(url[1] ?? ''), port: Number(url[2] ?? 22) }
  const scp = uri.includes('::') && !uri.includes('[') ? null : SCP_LIKE.exec(uri)
  if (scp) return { url: uri, host: bare(scp[1] ?? ''), port: 22 }
  throw new Fault('usage', 'source.uri is not an address of https or ssh', {
    hint: 'for example https://github.com/my-org/repo.git or git@github.com:my-org/repo.git',
  })
}

/** For `git@host:2222/path`, where the number is the first folder of the path, and a port was probably meant. */
export function portHint(url: string): string | undefined {
  const [, at, port, path] = /^([^/:]+):(\d{1,5})\/(.+)$/.exec(url) ?? []
  if (at === undefined || Number(port) > 65_535) return undefined
  return `if ${port} is a port, write ssh://${at}:${port}/${path}`
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
