/**
 * What a handler is given, and nothing else: the request, who is calling, and the server's parts.
 */
import type { User } from '../accounts/accounts.ts'
import type { Principal } from '../rbac/principal.ts'
import type { Delivered } from '../triggers/webhooks.ts'
import type { Services } from './services.ts'

export interface Call {
  request: Request
  url: URL
  /** The values of `:name` in the route's path, decoded. */
  params: Readonly<Record<string, string>>
  /** Who is calling. On routes guarded by `none`, `protocol` or `interaction`, an anonymous one. */
  principal: Principal
  /** On routes guarded by `session`: whose it is, what its forms have to carry, and the form that was sent. */
  session?: { uid: string; csrf: string; user: User; form: URLSearchParams }
  /** On routes guarded by `signature`: whose webhook it is, and what was sent. */
  webhook?: Delivered & { body: Uint8Array }
  /** In every log line and in the answer's `X-Request-Id`. */
  requestId: string
  /** The peer's address, as the socket has it. */
  address: string
  /** Lifts the idle limit from this request: for event streams only. */
  keepOpen(): void
}

export type Handler = (call: Call, services: Services) => Response | Promise<Response>
