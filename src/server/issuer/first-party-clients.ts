/** The programs of ours, as clients of the authorization server. */
import type { ClientMetadata } from 'oidc-provider'
import { TICKET_GRANT } from './ticket-grant-type.ts'
import { PAGES_RETURN } from './protocol-page-paths.ts'
import { CALLBACK_PORTS, callbackUri, DEVICE_GRANT, FOB_CLI_ID } from '../../contract/cli-oauth-client.ts'

/** A program that may ask for tokens. All are public: no client secret exists anywhere (RFC 8252 §8.4). */
export interface PublicClient {
  id: string
  /** What the consent page calls it. */
  name: string
  /** Compared exactly, but for the port of http on loopback (RFC 8252 §7.3). */
  redirectUris: readonly string[]
  /** Whether its access tokens come with a refresh token, and are therefore short-lived. */
  refresh: boolean
}

/**
 * All ports that the client tries are registered. Of a native client the provider takes any other port of that
 * address as well (RFC 8252 §7.3): PKCE, not the port, is what keeps a code from another program of the machine.
 */
export const FOB_CLI: PublicClient = {
  id: FOB_CLI_ID,
  name: 'fob, the command line',
  redirectUris: CALLBACK_PORTS.map(callbackUri),
  refresh: true,
}

/** Our own pages: they log people in by the same protocol as everybody, and ask for no token. */
export const PAGES_CLIENT = 'fob-pages'
/** The JSON API of logins, with a refresh token and without. */
export const API_CLIENT = 'fob-api'
export const API_LONE_CLIENT = 'fob-api-token'

/**
 * The programs of ours whose logins may do whatever the person may. Any other, above all one that registered itself, has the
 * scopes that were consented to and nothing else.
 */
export const OWN_PROGRAMS: ReadonlySet<string> = new Set([FOB_CLI.id, API_CLIENT, API_LONE_CLIENT])

const PUBLIC = { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' } as const

/** What the provider has to know of a program that may ask for tokens. */
export function publicMetadata({ id, name, redirectUris, refresh }: PublicClient): ClientMetadata {
  return {
    ...PUBLIC,
    client_id: id,
    client_name: name,
    application_type: 'native',
    redirect_uris: [...redirectUris],
    grant_types: ['authorization_code', DEVICE_GRANT, ...(refresh ? ['refresh_token'] : [])],
    response_types: ['code'],
  }
}

/** The server's own parts, as clients. @param url our public URL */
export function internalMetadata(url: string): ClientMetadata[] {
  const api = { ...PUBLIC, redirect_uris: [], response_types: [] }
  return [
    {
      ...PUBLIC,
      client_id: PAGES_CLIENT,
      client_name: 'this server',
      redirect_uris: [url + PAGES_RETURN],
      grant_types: [],
      response_types: ['none'],
    },
    {
      ...api,
      client_id: API_CLIENT,
      client_name: 'A program that logged in by the API',
      grant_types: [TICKET_GRANT, 'refresh_token'],
    },
    {
      ...api,
      client_id: API_LONE_CLIENT,
      client_name: 'A program that logged in by the API',
      grant_types: [TICKET_GRANT],
    },
  ]
}
