/** Watches OAuth requests for events of the audit log: registrations, refusals, and what a request revoked. */
import type { Provider } from 'oidc-provider'
import * as v from 'valibot'
import type { Accounts } from '../../accounts/accounts.ts'
import type { User } from '../../accounts/user-types.ts'
import { DEVICE_PATH } from '../protocol-page-paths.ts'

/** What the protocol did by itself, with no page of ours that could have written it down. */
export interface ProtocolEvent {
  action: 'client.register' | 'token.revoke' | 'device.deny'
  /** Whose it is; undefined where nobody is known. */
  user: User | undefined
  /** The ID of the client, the access token or the grant. */
  target: string
  /** The peer's. */
  address: string
  /** `reuse`: nobody asked; a code or a refresh token came a second time (RFC 9700 §4.14.2). */
  details: { client: string; reuse?: true }
}

type Found = Omit<ProtocolEvent, 'address'> | undefined
/** What is different after the response, if it is what was expected. */
type LookAgain = (response: Response) => Promise<Found>

const registered = v.object({ client_id: v.string() })

/**
 * Looks before and after a request of the protocol, and tells what it ended, refused or registered.
 * The library's own events come without a way to wait, and after the record that they are about was deleted.
 */
export function openWatch(deps: {
  provider: Provider
  accounts: Accounts
  onEvent: (event: ProtocolEvent) => void
}) {
  const { provider, accounts, onEvent } = deps
  const userOf = async (accountId: string | undefined): Promise<User | undefined> => {
    const colon = accountId?.indexOf(':') ?? -1
    if (accountId === undefined || colon < 0) return undefined
    return accounts.bySubject(accountId.slice(0, colon), accountId.slice(colon + 1))
  }

  const endOfGrant = async (
    token: { grantId?: string | undefined; clientId?: string | undefined; accountId?: string } | undefined,
    reuse: { reuse?: true } = {},
  ): Promise<LookAgain | undefined> => {
    const { grantId, clientId = '', accountId } = token ?? {}
    if (grantId === undefined || !(await provider.Grant.find(grantId))) return undefined
    return async () => {
      if (await provider.Grant.find(grantId)) return undefined
      const user = await userOf(accountId)
      return { action: 'token.revoke', user, target: grantId, details: { client: clientId, ...reuse } }
    }
  }

  const reuse = async (form: URLSearchParams): Promise<LookAgain | undefined> => {
    const token =
      form.get('grant_type') === 'refresh_token'
        ? await provider.RefreshToken.find(form.get('refresh_token') ?? '')
        : await provider.AuthorizationCode.find(form.get('code') ?? '')
    return token && 'consumed' in token && token.consumed !== undefined
      ? endOfGrant(token, { reuse: true })
      : undefined
  }

  const refusedDevice = async (form: URLSearchParams): Promise<LookAgain | undefined> => {
    if (!form.has('abort')) return undefined
    const typed = (form.get('user_code') ?? '').replaceAll(/\W/g, '').toUpperCase()
    const before = await provider.DeviceCode.findByUserCode(typed)
    if (!before || before.error !== undefined) return undefined
    return async () => {
      const after = await provider.DeviceCode.findByUserCode(typed)
      if (after?.error === undefined) return undefined
      const client = before.clientId ?? ''
      return { action: 'device.deny', user: undefined, target: client, details: { client } }
    }
  }

  const looks: Readonly<Record<string, (form: URLSearchParams) => Promise<LookAgain | undefined>>> = {
    '/oauth/register': async () => newClient,
    '/oauth/revoke': async (form) => endOfGrant(await provider.RefreshToken.find(form.get('token') ?? '')),
    '/oauth/token': reuse,
    [DEVICE_PATH]: refusedDevice,
  }

  return async (
    path: string,
    form: URLSearchParams,
    address: string,
    respond: () => Promise<Response>,
  ): Promise<Response> => {
    const again = await looks[path]?.(form)
    const response = await respond()
    const found = await again?.(response)
    if (found) onEvent({ ...found, address })
    return response
  }
}

async function newClient(response: Response): Promise<Found> {
  if (response.status !== 201) return undefined
  const { client_id: client } = v.parse(registered, await response.clone().json())
  return { action: 'client.register', user: undefined, target: client, details: { client } }
}
