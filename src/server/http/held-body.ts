import { readBytes } from './answer.ts'

/**
 * A request's body that the guard may need to see before the handler: a signature is about its bytes. It is
 * read at most once, bounded, and only when somebody asks.
 */
export interface HeldBody {
  /** @throws HttpError 413 */
  read(): Promise<Uint8Array>
  /** The request as the handler gets it: the body is whole again. */
  request(): Request
}

export function holdBody(request: Request): HeldBody {
  let bytes: Uint8Array<ArrayBuffer> | undefined
  return {
    async read() {
      bytes ??= await readBytes(request)
      return bytes
    },
    request() {
      if (bytes === undefined || request.body === null) return request
      const { method, headers, signal } = request
      return new Request(request.url, { method, headers, signal, body: bytes })
    },
  }
}
