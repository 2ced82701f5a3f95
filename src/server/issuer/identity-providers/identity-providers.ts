/**
 * Owns: logging people in with a vendor. Where to send a browser, and who came back.
 * Refuses: an answer that was not asked for (state, PKCE, nonce, `iss`), an e-mail that the vendor has not
 * verified, and a login whose organizations or groups could not be read in full: rules are decided on them.
 */
import type { Secret } from '../../../redact/secret.ts'
import type { UpstreamProfile } from '../../accounts/accounts.ts'
import { githubVendor } from './github.ts'
import { gitlabVendor } from './gitlab.ts'
import { microsoftVendor } from './microsoft.ts'

export const VENDOR_NAMES = ['github', 'gitlab', 'microsoft'] as const
/** As rules and tokens spell it (S34). */
export type VendorName = (typeof VENDOR_NAMES)[number]

export interface VendorSettings {
  clientId: string
  clientSecret: Secret
  /** The vendor's own address, without a trailing slash; https, or http on loopback. */
  url: string
}

/** Those that are set have both a client ID and a secret (S17). */
export interface UpstreamSettings {
  github?: VendorSettings
  gitlab?: VendorSettings
  /** S16: `tenant` reaches the authorize and token addresses. */
  microsoft?: VendorSettings & { tenant: string }
}

/** What one login was begun with. All of it stays in the browser that began it, sealed. */
export interface Checks {
  state: string
  codeVerifier: string
  /** For OpenID Connect. */
  nonce: string
  redirectUri: string
}

export interface Vendor {
  name: VendorName
  /** What people call it. */
  label: string
  /** @throws Fault `unreachable` when the vendor does not say where to go. */
  authorizeUrl(checks: Checks): Promise<URL>
  /**
   * Who came back.
   * @param answer the parameters of the callback
   * @throws Fault `login_denied` when the person or the vendor said no, `login_timeout` for a code that is
   *   too old or used, `unreachable`, `config` when the vendor does not know our client, else `failed`
   */
  identify(answer: URLSearchParams, checks: Checks): Promise<UpstreamProfile>
}

export interface VendorDeps {
  fetch: typeof globalThis.fetch
}

/** S22 to S24: the last segments of the callback addresses, fixed by the documents. */
const SEGMENTS = { github: 'github', gitlab: 'gitlab', microsoft: 'microsoftonline' } as const

/** `/auth/github`: where a login with the vendor begins; it comes back to `/auth/github/callback`. */
export function vendorPath(name: VendorName): string {
  return `/auth/${SEGMENTS[name]}`
}

/** The vendors that are set up, in a fixed order (S17, S18). Loads nothing and calls nobody. */
export function openVendors(settings: UpstreamSettings, deps: VendorDeps): ReadonlyMap<VendorName, Vendor> {
  const vendors: Vendor[] = []
  if (settings.github) vendors.push(githubVendor(settings.github, deps))
  if (settings.gitlab) vendors.push(gitlabVendor(settings.gitlab, deps))
  if (settings.microsoft) vendors.push(microsoftVendor(settings.microsoft, deps))
  return new Map(vendors.map((vendor) => [vendor.name, vendor]))
}
