import { randomUUIDv7 } from 'bun'
import type { User } from '../accounts/accounts.ts'
import type { SignedRequest } from '../auth/request-signature.ts'
import type { Principal } from '../rbac/principal.ts'
import type { Delivered } from '../triggers/webhooks.ts'
import { HttpError } from './http-error.ts'
import { readBytes } from './request-body.ts'
import type { Services } from './services.ts'

/** What `Bun.serve` knows of a request and the request does not. */
export interface Peers {
  /** Of the peer, or of whom a trusted proxy speaks for. Asking the socket takes a tenth of what a request takes. */
  addressOf(request: Request): string
  /** Lifts the idle limit. */
  keepOpen(request: Request): void
}

/** What a guard has found out. */
export interface Admission {
  principal: Principal
  /** On routes guarded by `session`: whose it is, what its forms have to carry, and the form that was sent. */
  session?: { uid: string; csrf: string; user: User; form: URLSearchParams }
  /** The form that was sent to a page without a session; see `formOf`. */
  form?: URLSearchParams
  /** On routes guarded by `signature`: whose webhook it is, and what was sent. */
  webhook?: Delivered & { body: Uint8Array }
}

interface Arrived {
  request: Request
  path: string
  params: Readonly<Record<string, string>>
}

/** What a handler is given, and nothing else beside the server's parts: the request, and who is calling. */
export class Call implements SignedRequest {
  /** Its body is whole, also where the guard has read it. */
  request: Request
  /** `url.pathname` */
  readonly path: string
  /** The values of `:name` in the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** In every log line, and as `X-Request-Id` in answers to changes and in refusals. */
  readonly requestId: string = randomUUIDv7()
  /** Who is calling. On routes guarded by `none`, `protocol` or `interaction`, an anonymous one. */
  principal: Principal
  session: Admission['session']
  form: Admission['form']
  webhook: Admission['webhook']
  private parsedUrl: URL | undefined
  private readBody: Uint8Array | undefined
  private readonly arrived: Request
  private readonly peers: Peers
  private readAddress: string | undefined

  constructor({ request, path, params }: Arrived, nobody: Principal, peers: Peers) {
    this.request = request
    this.arrived = request
    this.path = path
    this.params = params
    this.principal = nobody
    this.peers = peers
  }

  /** Parsed when it is asked for: most handlers have no use for it. @throws HttpError 400 (RFC 9112 §3.2) */
  get url(): URL {
    const url = this.parsedUrl ?? URL.parse(this.request.url)
    if (url === null) throw new HttpError(400, 'invalid_request', 'the Host of the request is none')
    this.parsedUrl = url
    return url
  }

  /** Whose request it is; see `Forwarded`. */
  get address(): string {
    return (this.readAddress ??= this.peers.addressOf(this.arrived))
  }

  /** The same if it was asked for before; asking costs something. */
  get knownAddress(): string | undefined {
    return this.readAddress
  }

  /** To be called before anything is waited for: then the peer may be gone. */
  noteAddress(): void {
    this.readAddress ??= this.peers.addressOf(this.arrived)
  }

  get method(): string {
    return this.request.method
  }

  /** Whether it changes nothing (RFC 9110 §9.2.1). A HEAD is answered as a GET; Bun leaves the body out. */
  get isRead(): boolean {
    return this.method === 'GET' || this.method === 'HEAD'
  }

  get headers(): Headers {
    return this.request.headers
  }

  /** The path with the query string. */
  get target(): string {
    return this.path + this.url.search
  }

  /**
   * The body's bytes, for a guard that needs them before the handler does: a signature is about them. They are
   * read at most once, bounded, and only when somebody asks.
   * @throws HttpError 413
   */
  async body(): Promise<Uint8Array> {
    if (this.readBody === undefined) {
      const { request } = this
      const bytes = await readBytes(request)
      const { method, headers, signal, body } = request
      if (body !== null) this.request = new Request(request.url, { method, headers, signal, body: bytes })
      this.readBody = bytes
    }
    return this.readBody
  }

  /** The same call, from now on with what its guard has found out. */
  admit(admission: Admission): this {
    return Object.assign(this, admission)
  }

  /** Lifts the idle limit from this request: for event streams only. */
  keepOpen(): void {
    this.peers.keepOpen(this.arrived)
  }
}

export type Handler = (call: Call, services: Services) => Response | Promise<Response>
