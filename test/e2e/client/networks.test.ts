/** The compiled binary behind proxies, and with certificates of a private authority. */
import { afterAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { fob } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { makeCertificates, makeExpiredCertificate } from '../../support/real-parts/certificates.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const seen: string[] = []
const serve = (name: string, port: number, tls?: Bun.TLSOptions) =>
  Bun.serve({
    // All of 127.0.0.0/8.
    hostname: '0.0.0.0',
    port,
    ...(tls === undefined ? {} : { tls }),
    fetch: (request) => {
      seen.push(`${name} ${request.headers.get('authorization')}`)
      return Response.json({ items: [], next: null })
    },
  })
const [server, proxy] = [serve('server', freePort()), serve('proxy', freePort())]
const proxyUrl = `http://127.0.0.1:${proxy.port}`
const PROXIES = { HTTP_PROXY: proxyUrl, http_proxy: proxyUrl, ALL_PROXY: proxyUrl }
const list = (url: string, env: Record<string, string>) =>
  fob(['pipeline', 'list', '-s', url], { env: { FOB_TOKEN: 'canary-token', ...env } })
afterAll(() => Promise.all([server.stop(true), proxy.stop(true)]))

test.each(['localhost', '127.0.0.1', '127.0.0.2'])(
  'a token for this machine (%s) does not travel through a proxy',
  async (host) => {
    seen.length = 0
    const { code } = await list(`http://${host}:${server.port}`, { ...PROXIES, no_proxy: 'x.example' })
    expect({ code, seen }).toEqual({ code: 0, seen: ['server Bearer canary-token'] })
  },
)

test('NO_PROXY in capitals keeps a token off the proxy', async () => {
  seen.length = 0
  const env = { ...PROXIES, FOB_INSECURE_HTTP: '1', NO_PROXY: ' X.example , *.CI.invalid ' }
  const kept = await list('http://a.ci.invalid', env)
  expect({ code: kept.code, seen }).toEqual({ code: 7, seen: [] })
  expect(kept.err).toContain('cannot reach http://a.ci.invalid: ')
  expect((await list('http://b.invalid', env)).code).toBe(0)
  expect(seen).toEqual(['proxy Bearer canary-token'])
})

test('a proxy that is down is named, with its variable, and not the server', async () => {
  const down = `http://127.0.0.1:${freePort()}`
  const { code, err } = await list('https://ci.invalid', { HTTPS_PROXY: down })
  expect(code).toBe(7)
  expect(err).toContain(`fob: cannot reach the proxy ${down} (HTTPS_PROXY): the connection was refused\n`)
  expect(err).not.toContain('FOB_SERVER')
})

const folder = temporaryFolder()
await makeCertificates(folder)
await makeExpiredCertificate(folder)

describe('a server with a certificate of a private authority', () => {
  const tls = (name: string) => ({
    cert: Bun.file(join(folder, `${name}.pem`)),
    key: Bun.file(join(folder, 'key.pem')),
  })
  const good = serve('tls', freePort(), tls('cert'))
  const expired = serve('tls', freePort(), tls('expired'))
  afterAll(() => Promise.all([good.stop(true), expired.stop(true)]))
  const ca = join(folder, 'ca.pem')
  const url = `https://127.0.0.1:${good.port}`

  test('is refused, and the hint names the variables that help', async () => {
    const { code, err } = await list(url, {})
    expect(code).toBe(7)
    expect(err).toContain(
      `cannot reach ${url}: its certificate is signed by an authority that is not known here`,
    )
    for (const name of ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS']) expect(err).toContain(name)
  })

  test.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])(
    'is trusted where %s names the authority',
    async (name) => {
      expect((await list(url, { [name]: ca })).code).toBe(0)
    },
  )

  test.each([
    ['has expired', `https://127.0.0.1:${expired.port}`, 'its certificate has expired'],
    ['is for another name', `https://localhost:${good.port}`, 'its certificate is for another name'],
    ['is none, as the port has no TLS', `https://localhost:${server.port}`, 'it answers, but not with TLS'],
  ])('is refused with words of its own where it %s', async (_, at, words) => {
    const { code, err } = await list(at, { SSL_CERT_FILE: ca })
    expect(code).toBe(7)
    expect(err).toContain(`cannot reach ${at}: ${words}\n`)
  })

  test('is accepted with NODE_TLS_REJECT_UNAUTHORIZED=0, which warns on every call', async () => {
    const { code, err } = await list(url, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    expect(code).toBe(0)
    expect(err).toContain('warning: NODE_TLS_REJECT_UNAUTHORIZED=0 turns the check of certificates off')
  })
})
