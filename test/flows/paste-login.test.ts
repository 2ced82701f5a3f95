/** The paste flow: the displayed address, three attempts, PKCE, refusals and responses of another server. */
import { describe, expect, test } from 'bun:test'
import { pasteFlow } from '../../src/flows/paste-login.ts'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { faultOf } from '../support/fault-of.ts'
import { flowContext, typedLines } from '../support/client/flow-context.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Behaviour, startOAuthServer, type TestOAuthServer } from '../support/servers/oauth-server.ts'

/** A paste login under way: what was said, what can be typed, and where the browser would end. */
async function begin(
  server: TestOAuthServer,
  {
    outOfBand = false,
    clock,
    timeoutMs,
  }: { outOfBand?: boolean; clock?: ReturnType<typeof manualClock>; timeoutMs?: number } = {},
) {
  const keyboard = typedLines()
  const context = flowContext(() => {}, {
    ui: { lines: keyboard.lines },
    ...(clock === undefined ? {} : { clock }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  const provider = await discoverProvider(server.url, context)
  const flow = pasteFlow({ outOfBand })({ provider, clientId: 'fob-cli', scopes: ['runs:read'] }, context)
  flow.catch(() => {})
  const address = (await context.heard(/^ +http/)).trim()
  await context.heard(/Paste it here/)
  return {
    flow,
    context,
    address: new URL(address),
    ...keyboard,
    /** Approves, and gives the address of the dead page. */
    approve: async () => (await fetch(address, { redirect: 'manual' })).headers.get('location') ?? '',
  }
}

describe('the paste flow', () => {
  test('S217, S219: the address is shown, the pasted address is exchanged with the verifier of this process', async () => {
    await using server = startOAuthServer()
    const { flow, address, type, approve, context } = await begin(server)
    expect(address.searchParams.get('redirect_uri')).toBe('http://127.0.0.1:8765/callback')
    expect(address.searchParams.get('code_challenge_method')).toBe('S256')
    type(await approve())
    const { tokens } = await flow
    expect(server.valid.has(tokens.accessToken.reveal())).toBe(true)
    const verifier = server.seen.token[0]?.get('code_verifier') ?? ''
    expect(verifier.length).toBeGreaterThanOrEqual(43)
    expect(context.said.join('\n') + address.href).not.toContain(verifier)
    expect(server.seen.token[0]?.get('redirect_uri')).toBe('http://127.0.0.1:8765/callback')
  })

  test('S218: the text says that the dead page is as it should be, and what to copy', async () => {
    await using server = startOAuthServer()
    const { context, end, flow } = await begin(server)
    const said = context.said.join(' ')
    for (const words of ['connection refused', 'as it should be', 'address bar', 'code=']) {
      expect(said).toContain(words)
    }
    end()
    await faultOf(flow)
  })

  test('S219: a stolen code is useless without the verifier', async () => {
    await using server = startOAuthServer()
    const { flow, type, approve } = await begin(server)
    const address = await approve()
    const stolen = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'fob-cli',
        redirect_uri: 'http://127.0.0.1:8765/callback',
        code: new URL(address).searchParams.get('code') ?? '',
        code_verifier: 'a'.repeat(43),
      }),
    })
    expect(stolen.status).toBe(400)
    type(await approve())
    await flow
  })

  test('a bare code does, and empty lines are no try', async () => {
    await using server = startOAuthServer()
    const { flow, type, approve } = await begin(server)
    for (let i = 0; i < 5; i++) type('')
    type(new URL(await approve()).searchParams.get('code') ?? '')
    await flow
  })

  test('the third try still counts, whether it was no code or one that the server does not know', async () => {
    await using server = startOAuthServer()
    const { flow, type, approve, context } = await begin(server)
    type('no code at all')
    await context.heard(/2 tries left/)
    type('unknown-to-the-server')
    await context.heard(/the last try/)
    type(await approve())
    await flow
  })

  test('after three tries it ends with login_denied and says what was wrong', async () => {
    await using server = startOAuthServer()
    const { flow, type } = await begin(server)
    for (let i = 0; i < 3; i++) type('code=a1B2&state=another-login')
    const fault = await faultOf(flow)
    expect([fault.code, fault.message]).toEqual(['login_denied', 'no usable code in 3 tries'])
    expect(fault.hint).toContain('another login')
    expect(server.seen.token).toEqual([])
  })

  test('an answer of another server is refused and its code never sent (RFC 9207)', async () => {
    await using server = startOAuthServer({ consent: 'wrong-iss' })
    const { flow, type, approve, end } = await begin(server)
    type(await approve())
    end()
    await faultOf(flow)
    expect(server.seen.token).toEqual([])
  })

  test("a pasted refusal ends it with the server's own words, made safe", async () => {
    await using server = startOAuthServer({ consent: 'deny' })
    const { flow, type, approve } = await begin(server)
    type(await approve())
    const fault = await faultOf(flow)
    expect([fault.code, fault.message]).toEqual(['login_denied', 'the login was denied: no \ufffd[31mthanks'])
  })

  test('the end of the input without an answer is prompt_needed', async () => {
    await using server = startOAuthServer()
    const { flow, end } = await begin(server)
    end()
    expect((await faultOf(flow)).code).toBe('prompt_needed')
  })

  test('where nobody may be asked nothing is sent', async () => {
    await using server = startOAuthServer()
    const context = flowContext(() => {})
    const provider = await discoverProvider(server.url, context)
    const before = server.requests.length
    const flow = pasteFlow({ outOfBand: false })({ provider, clientId: 'fob-cli', scopes: [] }, context)
    expect([(await faultOf(flow)).code, server.requests.length]).toEqual(['prompt_needed', before])
  })

  test('nobody pastes anything: login_timeout', async () => {
    const clock = manualClock()
    await using server = startOAuthServer()
    const { flow } = await begin(server, { clock, timeoutMs: 60_000 })
    await clock.sleeping()
    await clock.advance(60_000)
    expect((await faultOf(flow)).code).toBe('login_timeout')
  })

  test.each([
    ['--oob asks for it', { outOfBand: true }, {}],
    [
      "the server's metadata says so",
      {},
      { extraMetadata: { redirect_uris_supported: ['urn:ietf:wg:oauth:2.0:oob'] } },
    ],
  ])('S220: out of band when %s', async (_, options, changes: Partial<Behaviour>) => {
    await using server = startOAuthServer(changes)
    const { flow, address, type, context, approve } = await begin(server, options)
    expect(address.searchParams.get('redirect_uri')).toBe('urn:ietf:wg:oauth:2.0:oob')
    expect(context.said.join(' ')).not.toContain('connection refused')
    type(new URL(await approve()).searchParams.get('code') ?? '')
    await flow
    expect(server.seen.token[0]?.get('redirect_uri')).toBe('urn:ietf:wg:oauth:2.0:oob')
  })
})
