/** Resolves names to addresses, as far as a script may reach them. */
import { lookup as resolveName } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { Fault } from '../contract/fault.ts'
import type { Network } from './allowed-networks.ts'

export interface AllowedResolver {
  /**
   * All addresses of a name, or the address itself. The caller must connect to what was checked, and not to the name.
   * @throws Fault `forbidden` for a host that may not be reached, `unreachable` for a name without addresses
   */
  addresses(host: string): Promise<string[]>
  /** The same for `node:http` and `node:net`, which do not call it for addresses. */
  lookup: LookupFunction
}

/** @param resolve all addresses of a name; without it, the system resolves names */
export function createAllowedResolver(network: Network, resolve = resolveBySystem): AllowedResolver {
  async function addresses(host: string): Promise<string[]> {
    const found = isIP(host) === 0 ? await resolve(host) : [host]
    if (found.length === 0) throw new Fault('unreachable', `there is no host ${host}`)
    // All of them: a name that also has an internal address is refused.
    for (const address of found) if (!network.allows(host, address)) throw refused(host)
    return found
  }

  const lookUp = callbackify(async (host: string) =>
    (await addresses(host)).map((address) => ({ address, family: isIP(address) })),
  )
  return { addresses, lookup: (host, _options, callback) => lookUp(host, callback) }
}

async function resolveBySystem(host: string): Promise<string[]> {
  const found = await resolveName(host, { all: true }).catch((cause: unknown) => {
    throw new Fault('unreachable', `the name ${host} is not known`, { cause })
  })
  return found.map(({ address }) => address)
}

/** The message does not have the address: a script must not learn the address of an internal name. */
function refused(host: string): Fault {
  return new Fault('forbidden', `${host} is not a place on the internet, and this server allows no other`, {
    hint: `its operator can: fob server --allow-network ${host}`,
  })
}
