/** Reads a form of the OAuth protocol, up to a bound. */
/** A form of the protocol has a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024

/** @returns undefined when the body is larger than 64 KiB; then the rest is not read. */
export async function readBoundedBody(request: Request): Promise<Buffer | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) return undefined
  if (!request.body) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
