/** A request on its way through guards and handler. */
import { randomUUIDv7 } from 'bun'
import type { User } from '../accounts/user-types.ts'
import type { SignedRequest } from '../auth/check-request-signature.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { Delivered } from '../triggers/webhooks.ts'
import { HttpError } from './response/http-error.ts'
import type { HeldBodies } from './request/limit-total-body-bytes.ts'
import { DEFAULT_BODY_BYTES, readBytes } from './request/request-body.ts'
import type { Services } from './handler-services.ts'

/** What `Bun.serve` knows about the connection of a request. */
export interface Peers {
  /** The client's address: the peer, or what a trusted proxy says. Asking the socket takes a tenth of a fast request. */
  addressOf(request: Request): string
  /** Removes the idle limit of the connection. */
  keepOpen(request: Request): void
  /** Counts the bodies of all requests that are being handled. */
  held: HeldBodies
}

/** What a guard has found out about a request. */
interface Admission {
  principal: Principal
  /** On routes with the guard `session`: the user, the `csrf` value of its forms, and the form that was sent. */
  session?: { uid: string; csrf: string; user: User; form: URLSearchParams }
  /** The form that was sent to a page without a session; see `formOf`. */
  form?: URLSearchParams
  /** On routes with the guard `signature`: the webhook, and what was sent. */
  webhook?: Delivered & { body: Uint8Array }
}

interface Arrived {
  request: Request
  path: string
  params: Readonly<Record<string, string>>
  /** Bytes of its body at most. */
  maxBody?: number | undefined
}

/** A request, and who sends it. */
export class Call implements SignedRequest {
  /** Its body can be read, also where the guard has read it already. */
  request: Request
  /** `url.pathname` */
  readonly path: string
  /** The values of `:name` in the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** In every log line, and as `X-Request-Id` in responses to changes and in refusals. */
  readonly requestId: string = randomUUIDv7()
  /** Who is calling; anonymous on routes with the guard `none`, `protocol` or `interaction`. */
  principal: Principal
  session: Admission['session']
  form: Admission['form']
  webhook: Admission['webhook']
  private parsedUrl: URL | undefined
  private readBody: Buffer<ArrayBuffer> | undefined
  private readonly maxBody: number
  private readonly arrived: Request
  private readonly peers: Peers
  private readAddress: string | undefined

  constructor(
    { request, path, params, maxBody = DEFAULT_BODY_BYTES }: Arrived,
    nobody: Principal,
    peers: Peers,
  ) {
    this.request = request
    this.arrived = request
    this.path = path
    this.params = params
    this.maxBody = maxBody
    this.principal = nobody
    this.peers = peers
  }

  /** Parsed at the first use: most handlers do not need it. @throws HttpError 400 (RFC 9112 §3.2) */
  get url(): URL {
    const url = this.parsedUrl ?? URL.parse(this.request.url)
    if (url === null) throw new HttpError(400, 'invalid_request', 'the Host of the request is not valid')
    this.parsedUrl = url
    return url
  }

  /** The client's address; see `Forwarded`. */
  get address(): string {
    return (this.readAddress ??= this.peers.addressOf(this.arrived))
  }

  /** The same, but only if it was looked up before: a lookup takes time. */
  get knownAddress(): string | undefined {
    return this.readAddress
  }

  /** Looks the address up before anything is waited for: afterwards the peer may be gone. */
  noteAddress(): void {
    this.readAddress ??= this.peers.addressOf(this.arrived)
  }

  get method(): string {
    return this.request.method
  }

  /** Whether the request changes nothing (RFC 9110 §9.2.1). HEAD is handled as GET; Bun leaves the body out. */
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
   * The bytes of the body, up to the bound of its route. Read at most once: a guard needs them before the handler does,
   * to check a signature.
   * @throws HttpError 400 when the client goes away, 413, 503
   */
  async body(): Promise<Buffer<ArrayBuffer>> {
    if (this.readBody === undefined) {
      const { request } = this
      const bytes = await readBytes(request, this.maxBody, this.peers.held)
      const { method, headers, signal, body } = request
      if (body !== null) this.request = new Request(request.url, { method, headers, signal, body: bytes })
      this.readBody = bytes
    }
    return this.readBody
  }

  /** The request is over: its body is no longer held. */
  releaseBody(): void {
    if (this.readBody !== undefined || this.arrived.body !== null) this.peers.held.release(this.arrived)
  }

  /** Adds what the guard has found out. @returns the same call */
  admit({ principal, session, form, webhook }: Admission): this {
    this.principal = principal
    this.session = session
    this.form = form
    this.webhook = webhook
    return this
  }

  /** Removes the idle limit of the connection: for responses that can be quiet for long, such as event streams. */
  keepOpen(): void {
    this.peers.keepOpen(this.arrived)
  }
}

/** What a route does, for a call that has passed its guard. */
export type Handler = (call: Call, services: Services) => Response | Promise<Response>
