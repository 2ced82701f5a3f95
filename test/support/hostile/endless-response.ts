/** A response that never ends; `left` resolves when its reader has gone. */
export function endlessJson(status = 200): { response: Response; left: Promise<void> } {
  const left = Promise.withResolvers<void>()
  const chunk = new TextEncoder().encode('"a",'.repeat(16 * 1024))
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('[')),
    pull: (controller) => controller.enqueue(chunk),
    cancel: () => left.resolve(),
  })
  const headers = { 'content-type': 'application/json' }
  return { response: new Response(body, { status, headers }), left: left.promise }
}
