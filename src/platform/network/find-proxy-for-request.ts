/** Which proxy a request goes through: what `fetch` takes from the environment, told in advance. */
import { BlockList, isIP } from 'node:net'
import { entriesOf } from './merge-no-proxy-variables.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** In the order in which `fetch` reads them; an empty one counts as not set. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  'http:': ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'],
  'https:': ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'],
}

/** The proxy of a request. */
export interface Proxy {
  variable: string
  /** Without a password; undefined where the variable does not hold an address. */
  origin: string | undefined
  kind: 'http' | 'https' | 'socks' | 'unknown'
  hasPassword: boolean
}

/** The proxy that the variables name for an address, or undefined where it is reached directly. */
export function proxyOf(url: URL, env: Variables): Proxy | undefined {
  const variable = VARIABLES[url.protocol]?.find((name) => (env[name] ?? '') !== '')
  if (variable === undefined || bypassesProxies(url, env)) return undefined
  const text = env[variable]?.trim() ?? ''
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(address)) return { variable, origin: undefined, kind: 'unknown', hasPassword: false }
  const { protocol, host, password } = new URL(address)
  return { variable, origin: `${protocol}//${host}`, kind: kindOf(protocol), hasPassword: password !== '' }
}

function kindOf(protocol: string): Proxy['kind'] {
  if (protocol === 'http:') return 'http'
  if (protocol === 'https:') return 'https'
  return protocol.startsWith('socks') ? 'socks' : 'unknown'
}

/** Whether `fetch` reaches this address without a proxy, by the list that `mergeNoProxy` wrote. */
function bypassesProxies(url: URL, env: Variables): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return [...entriesOf(env.no_proxy), ...entriesOf(env.NO_PROXY)].some((entry) => covers(entry, host, port))
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return holds(host, (list, family) => list.addSubnet(...subnetOf(entry), family))
  const { name, port: only } = splitPort(entry)
  if (only !== undefined && only !== port) return false
  if (isIP(name) !== 0) return holds(host, (list, family) => list.addAddress(name, family))
  const suffix = name.replace(/^\*?\./, '')
  return host === suffix || host.endsWith(`.${suffix}`)
}

/** Of `host:port` and `[address]:port`; an IPv6 address without brackets has no port. */
function splitPort(entry: string): { name: string; port?: string } {
  const [, bracketed, after] = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry) ?? []
  if (bracketed !== undefined) return { name: bracketed, ...(after === undefined ? {} : { port: after }) }
  const [, name, port] = /^([^:]+):(\d+)$/.exec(entry) ?? []
  return name === undefined || port === undefined ? { name: entry } : { name, port }
}

function subnetOf(entry: string): [network: string, bits: number] {
  const slash = entry.lastIndexOf('/')
  const bits = entry.slice(slash + 1)
  return [entry.slice(0, slash), bits === '' ? Number.NaN : Number(bits)]
}

/** Whether an address is in a list that holds one entry; an entry that is not one of its family holds nothing. */
function holds(host: string, add: (list: BlockList, family: 'ipv4' | 'ipv6') => void): boolean {
  const version = isIP(host)
  if (version === 0) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  try {
    add(list, family)
  } catch {
    return false
  }
  return list.check(host, family)
}
