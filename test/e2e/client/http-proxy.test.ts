/** A request to a server on this machine bypasses `HTTP_PROXY`, so no token reaches the proxy. */
import { expect, test } from 'bun:test'
import { fob } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'

test('a token for this machine does not travel through a proxy', async () => {
  const seen: string[] = []
  const serve = (name: string) =>
    Bun.serve({
      hostname: '127.0.0.1',
      port: freePort(),
      fetch: (request) => {
        seen.push(`${name} ${request.headers.get('authorization')}`)
        return Response.json({ items: [], next: null })
      },
    })
  const [server, proxy] = [serve('server'), serve('proxy')]
  try {
    const { code } = await fob(['pipeline', 'list', '-s', server.url.origin], {
      env: { HTTP_PROXY: proxy.url.origin, http_proxy: proxy.url.origin, FOB_TOKEN: 'canary-token' },
    })
    expect({ code, seen }).toEqual({ code: 0, seen: ['server Bearer canary-token'] })
  } finally {
    await server.stop(true)
    await proxy.stop(true)
  }
})
