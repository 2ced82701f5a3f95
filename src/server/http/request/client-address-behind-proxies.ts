/** The client's address behind trusted proxies. */
import { BlockList, isIP } from 'node:net'
import { Fault } from '../../../contract/fault.ts'

export interface Forwarded {
  /**
   * The peer, or the address that `X-Forwarded-For` names if the peer is trusted. The header is read from the right:
   * each trusted proxy has appended the address that it saw. Anything before these is not proved.
   */
  clientAddress(peer: string, headers: Headers): string
}

/**
 * @param trusted addresses and networks (`10.0.0.0/8`, `::1`) of proxies; none: the header is never read
 * @throws Fault `config` for an entry that is neither
 */
export function openForwarded(trusted: readonly string[]): Forwarded {
  const list = new BlockList()
  for (const entry of trusted) add(list, entry)
  const isTrusted = (address: string): boolean => {
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    clientAddress: (peer, headers) => {
      const header = trusted.length === 0 ? null : headers.get('x-forwarded-for')
      if (header === null) return peer
      let client = plain(peer)
      for (const hop of header.split(',').toReversed()) {
        const address = plain(hop.trim())
        // A trusted proxy writes an address; where there is none, the last valid address counts.
        if (!isTrusted(client) || isIP(address) === 0) break
        client = address
      }
      return client
    },
  }
}

/** An IPv4 address that a dual-stack socket shows as IPv6. */
function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

function add(list: BlockList, entry: string): void {
  const [address = '', prefix, more] = entry.split('/')
  const family = isIP(address)
  const type = family === 6 ? 'ipv6' : 'ipv4'
  const bits = Number(prefix)
  const fits = /^\d{1,3}$/.test(prefix ?? '') && bits <= (family === 6 ? 128 : 32)
  if (family === 0 || more !== undefined || (prefix !== undefined && !fits)) {
    throw new Fault('config', `--trusted-proxy takes addresses and networks, not "${entry}"`, {
      hint: 'for example 10.0.0.0/8,::1',
    })
  }
  if (prefix === undefined) list.addAddress(address, type)
  else list.addSubnet(address, bits, type)
}
