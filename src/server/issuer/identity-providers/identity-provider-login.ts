import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Accounts, User } from '../../accounts/accounts.ts'
import type { Log } from '../../log.ts'
import type { Seal } from '../sealed-values.ts'
import { type Arrivals, openArrivals } from './arrival-cookie.ts'
import { type PendingLogins, pendingLogins, type Purpose } from './pending-login-cookie.ts'
import {
  openVendors,
  type UpstreamSettings,
  type Vendor,
  type VendorDeps,
  type VendorName,
  vendorPath,
} from './identity-providers.ts'

/** Why nobody was logged in. `expired`: not begun in this browser, or too long ago. */
export type UpstreamRefusal = 'expired' | 'denied' | 'unreachable' | 'refused'

export type UpstreamOutcome =
  | { kind: 'ok'; user: User; purpose: Purpose; setCookies: string[] }
  | { kind: 'failed'; why: UpstreamRefusal; purpose: Purpose | undefined; setCookies: string[] }

export interface UpstreamLogins {
  /** What the login page offers (S18). */
  vendors: readonly { name: VendorName; label: string; path: string }[]
  /** Sends a browser to the vendor. @throws Fault `not_found`, `unreachable`. */
  begin(
    vendor: VendorName,
    purpose: Purpose,
    cookieHeader: string | null,
  ): Promise<{ location: string; setCookies: string[] }>
  /** Takes the vendor's answer; the account is made or brought up to date. Never throws for a bad answer. */
  complete(vendor: VendorName, answer: URLSearchParams, cookieHeader: string | null): Promise<UpstreamOutcome>
  arrivals: Arrivals
}

export interface UpstreamLoginDeps extends VendorDeps {
  settings: UpstreamSettings
  /** Our public URL, without a trailing slash. */
  url: string
  seal: Seal
  accounts: Accounts
  clock: Clock
  log: Log
}

export function openUpstreamLogins(deps: UpstreamLoginDeps): UpstreamLogins {
  const { url, seal, clock } = deps
  const secure = url.startsWith('https:')
  const vendors = openVendors(deps.settings, deps)
  const pending = pendingLogins(seal, secure, () => clock.now())
  return {
    vendors: [...vendors.values()].map(({ name, label }) => ({ name, label, path: vendorPath(name) })),
    begin: async (name, purpose, cookieHeader) => {
      const vendor = vendors.get(name)
      if (!vendor) throw new Fault('not_found', `this server does not log in with ${name}`)
      const redirectUri = `${url}${vendorPath(name)}/callback`
      const begun = pending.begin({ vendor: name, redirectUri, purpose }, cookieHeader)
      const to = await vendor.authorizeUrl(begun.pending.checks)
      return { location: to.href, setCookies: begun.setCookies }
    },
    complete: (name, answer, cookieHeader) =>
      complete({ ...deps, vendor: vendors.get(name), pending }, answer, cookieHeader),
    arrivals: openArrivals(seal, secure, () => clock.now()),
  }
}

async function complete(
  deps: UpstreamLoginDeps & { vendor: Vendor | undefined; pending: PendingLogins },
  answer: URLSearchParams,
  cookieHeader: string | null,
): Promise<UpstreamOutcome> {
  const { vendor, pending, accounts, log } = deps
  const states = answer.getAll('state')
  const taken = states.length === 1 ? pending.take(states[0] ?? null, cookieHeader) : undefined
  // RFC 9700 §4.4: what was begun with one vendor is not finished by the answer of another.
  if (!taken || taken.pending.vendor !== vendor?.name) {
    return { kind: 'failed', why: 'expired', purpose: undefined, setCookies: taken?.setCookies ?? [] }
  }
  const { purpose, checks } = taken.pending
  const { setCookies } = taken
  try {
    const user = await accounts.signInUpstream(await vendor.identify(answer, checks))
    return { kind: 'ok', user, purpose, setCookies }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const cause = error.cause instanceof Error ? error.cause : undefined
    log.warn('login with a vendor failed', {
      vendor: vendor.name,
      reason: error.message,
      detail: cause && 'code' in cause && typeof cause.code === 'string' ? cause.code : cause?.name,
    })
    return { kind: 'failed', why: REFUSALS[error.code] ?? 'refused', purpose, setCookies }
  }
}

const REFUSALS: Partial<Record<Fault['code'], UpstreamRefusal>> = {
  login_denied: 'denied',
  login_timeout: 'expired',
  unreachable: 'unreachable',
}
