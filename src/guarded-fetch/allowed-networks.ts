/** Which hosts and addresses scripts may reach: the internet, and what the operator allows. */
import { BlockList, isIP } from 'node:net'
import { Fault } from '../contract/fault.ts'

export interface Network {
  /** @param host as `URL.hostname` has it @param address of the host, or the host itself where it is an address */
  allows(host: string, address: string): boolean
  /** Whether the operator has allowed this name or address, and not only the internet as a whole. */
  trusts(host: string): boolean
}

/**
 * The IPv4 networks that are not global: https://www.iana.org/assignments/iana-ipv4-special-registry
 * The metadata services of the clouds are in 169.254.0.0/16.
 */
const NOT_PUBLIC_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** The IPv6 network of global unicast addresses … */
const PUBLIC_6 = ['2000::/3']
/** … without Teredo and other protocols, documentation, and 6to4, which leads to IPv4. */
const NOT_PUBLIC_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

/**
 * The internet, and what the operator allows in addition: addresses, networks (`10.0.0.0/8`), names, and all names
 * below one (`*.corp.example`). A name that is allowed may have any address.
 * @throws Fault `config` for an entry that is none of these
 */
export function openNetwork(allowed: readonly string[]): Network {
  const names = new Set(allowed.map((entry) => entry.toLowerCase()).filter(isName))
  const addresses = blockList(allowed.filter((entry) => !isName(entry.toLowerCase())))
  const notPublic4 = blockList(NOT_PUBLIC_4)
  const public6 = blockList(PUBLIC_6)
  const notPublic6 = blockList(NOT_PUBLIC_6)

  function isPublic(address: string): boolean {
    if (isIP(address) === 4) return !notPublic4.check(address, 'ipv4')
    return public6.check(address, 'ipv6') && !notPublic6.check(address, 'ipv6')
  }

  function isListed(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && addresses.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }

  return {
    allows: (host, address) => {
      const plain = withoutMapping(address)
      return isNamed(names, host) || isListed(plain) || (isIP(plain) !== 0 && isPublic(plain))
    },
    trusts: (host) => isNamed(names, host) || isListed(withoutMapping(host)),
  }
}

function isNamed(names: ReadonlySet<string>, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (names.has(name)) return true
  const parts = name.split('.')
  return parts.some((_, at) => at > 0 && names.has(`*.${parts.slice(at).join('.')}`))
}

/** The IPv4 address of an IPv4-mapped IPv6 address, in either form (RFC 4291 §2.5.5.2); any other stays as it is. */
function withoutMapping(address: string): string {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  const [, high = '', low = ''] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? []
  if (high === '') return address
  const bits = parseInt(high, 16) * 0x10000 + parseInt(low, 16)
  return [24, 16, 8, 0].map((by) => (bits >>> by) & 0xff).join('.')
}

function isName(entry: string): boolean {
  return /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?$/.test(entry) && !/^[\d.]+$/.test(entry)
}

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) add(list, entry)
  return list
}

function add(list: BlockList, entry: string): void {
  const [address = '', prefix, more] = entry.split('/')
  const family = isIP(address)
  const bits = Number(prefix)
  const fits = /^\d{1,3}$/.test(prefix ?? '') && bits <= (family === 6 ? 128 : 32)
  if (family === 0 || more !== undefined || (prefix !== undefined && !fits)) {
    throw new Fault('config', `--allow-network takes addresses, networks and names, not "${entry}"`, {
      hint: 'for example 10.1.0.0/16,registry.corp.example,*.internal.example',
    })
  }
  const type = family === 6 ? 'ipv6' : 'ipv4'
  if (prefix === undefined) list.addAddress(address, type)
  else list.addSubnet(address, bits, type)
}
