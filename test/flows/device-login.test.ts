/** The device flow of RFC 8628: the displayed code, polling intervals, expiry, interruption and refusals. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../src/contract/fault.ts'
import { deviceFlow } from '../../src/flows/device-login.ts'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { faultOf } from '../support/fault-of.ts'
import { flowContext, type TestContext } from '../support/client/flow-context.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Behaviour, startOAuthServer } from '../support/servers/oauth-server.ts'

/** A device login under way on a clock that stands still. */
async function begin(
  changes: Partial<Behaviour> = {},
  more: { signal?: AbortSignal; timeoutMs?: number; remote?: boolean } = {},
) {
  const server = startOAuthServer(changes)
  const clock = manualClock()
  const opened: string[] = []
  const context = flowContext((url) => opened.push(url), {
    clock,
    timeoutMs: more.timeoutMs ?? 24 * 3_600_000,
    ui: { remote: more.remote === true },
    ...(more.signal === undefined ? {} : { signal: more.signal }),
  })
  const provider = await discoverProvider(server.url, context)
  const flow = deviceFlow({ provider, clientId: 'fob-cli', scopes: ['runs:read'] }, context)
  flow.catch(() => {})
  /** Moves time on and lets the flow come to its next rest: a sleep, or its end. */
  const pass = async (seconds: number) => {
    await Promise.race([clock.sleeping(), flow.catch(() => {})])
    await clock.advance(seconds * 1000)
  }
  const polls = () => server.seen.token.length
  const settled = async () => {
    await Promise.race([clock.sleeping(), flow.catch(() => {})])
  }
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    clock,
    flow,
    context,
    opened,
    pass,
    polls,
    settled,
  }
}

const said = (context: TestContext) => context.said.join('\n')

describe('the device flow (RFC 8628)', () => {
  test('R7, S41: the code is shown, the address holding it is opened, and the tokens come', async () => {
    await using world = await begin({ polls: ['authorization_pending', 'ok'] })
    const { flow, context, opened, pass, server } = world
    await pass(5)
    await pass(5)
    const { tokens } = await flow
    expect(server.valid.has(tokens.accessToken.reveal())).toBe(true)
    expect(said(context)).toContain(`${server.url}/device?user_code=WDJB-MJHT`)
    expect(said(context)).toContain('It shows the code WDJB-MJHT')
    expect(opened).toEqual([`${server.url}/device?user_code=WDJB-MJHT`])
    expect(context.drawn).toEqual(opened)
    expect(server.seen.device[0]?.get('scope')).toBe('runs:read')
    expect(server.seen.token[0]?.has('client_secret')).toBe(false)
    expect(said(context)).not.toContain('canary')
  })

  test('it polls every 5 seconds where the server says nothing, and not before', async () => {
    await using world = await begin({ polls: ['authorization_pending', 'ok'] })
    const { pass, polls, settled, flow } = world
    await pass(4.9)
    expect(polls()).toBe(0)
    await pass(0.1)
    await settled()
    expect(polls()).toBe(1)
    await pass(5)
    await flow
  })

  test.each([
    ['null', { interval: null }],
    ['empty', { interval: '', verification_uri_complete: null }],
    ['absent', { interval: undefined }],
  ])('an interval that is %s is the 5 seconds of RFC 8628 §3.2', async (_, device) => {
    await using world = await begin({ device })
    const { pass, polls, flow } = world
    await pass(4.9)
    expect(polls()).toBe(0)
    await pass(0.1)
    await flow
  })

  test('numbers in quotes are numbers', async () => {
    await using world = await begin({ device: { interval: '11', expires_in: '600' } })
    const { pass, polls, flow } = world
    await pass(10.9)
    expect(polls()).toBe(0)
    await pass(0.1)
    await flow
  })

  test("the server's interval holds", async () => {
    await using world = await begin({ device: { interval: 11 } })
    const { pass, polls, flow } = world
    await pass(10.9)
    expect(polls()).toBe(0)
    await pass(0.1)
    await flow
  })

  test('slow_down adds 5 seconds, for good', async () => {
    await using world = await begin({
      polls: ['slow_down', 'authorization_pending', 'slow_down', 'ok'],
    })
    const { pass, polls, settled, flow } = world
    for (const [wait, count] of [
      [5, 1],
      [10, 2],
      [10, 3],
    ] as const) {
      await pass(wait - 0.1)
      expect(polls()).toBe(count - 1)
      await pass(0.1)
      await settled()
      expect(polls()).toBe(count)
    }
    await pass(14.9)
    expect(polls()).toBe(3)
    await pass(0.1)
    await flow
  })

  test('a server that is away for a while is asked at half the pace, and then answers', async () => {
    await using world = await begin({ polls: [503, 'ok'] })
    const { pass, polls, settled, flow } = world
    await pass(5)
    await settled()
    await pass(9.9)
    expect(polls()).toBe(1)
    await pass(0.1)
    await flow
  })

  test('authorization_pending under 200, as GitHub sends it, leaves the pace as it is', async () => {
    let left = 3
    const pending = () => (left-- > 0 ? Response.json({ error: 'authorization_pending' }) : undefined)
    await using world = await begin({
      device: { interval: 2 },
      instead: ({ path }) => (path === '/oauth/token' ? pending() : undefined),
    })
    const { pass, clock, flow } = world
    const start = clock.now()
    for (const _ of [1, 2, 3, 4]) await pass(2)
    await flow
    expect(clock.now() - start).toBe(8000)
  })

  test.each([
    ['a proxy', () => new Response('slow down', { status: 429, headers: { 'retry-after': '30' } })],
    [
      'fob',
      () => Response.json({ error: 'rate_limited' }, { status: 429, headers: { 'retry-after': '30' } }),
    ],
  ])(
    '429 with Retry-After is slow_down, from %s: it waits that long once, and goes on',
    async (_, limited) => {
      let left = 1
      await using world = await begin({
        polls: ['authorization_pending', 'ok'],
        instead: ({ path }) => (path === '/oauth/token' && left-- > 0 ? limited() : undefined),
      })
      const { pass, polls, settled, flow } = world
      await pass(5)
      await settled()
      await pass(29.9)
      expect(polls()).toBe(0)
      await pass(0.1)
      await settled()
      expect(polls()).toBe(1)
      await pass(9.9)
      expect(polls()).toBe(1)
      await pass(0.1)
      await flow
    },
  )

  test('a refusal of what came with an approved login is told at once, with its reason, and the tokens revoked', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    await using world = await begin({
      extraMetadata: { id_token_signing_alg_values_supported: ['RS256'] },
      writeTokens: (tokens) => {
        const claims = {
          iss: 'https://x.example',
          sub: 'u1',
          aud: 'fob-cli',
          iat: seconds,
          exp: seconds + 60,
        }
        const parts = [{ alg: 'RS256' }, claims].map((part) =>
          Buffer.from(JSON.stringify(part)).toString('base64url'),
        )
        return Response.json({ ...tokens, id_token: `${parts.join('.')}.bm9uZQ` })
      },
    })
    const { pass, polls, flow, server } = world
    await pass(5)
    const fault = await faultOf(flow)
    expect([fault.code, polls()]).toEqual(['server_error', 1])
    expect(fault.message).toEndWith('is not for this login: its "iss" is wrong')
    expect(server.valid.size).toBe(0)
  })

  test.each([
    ['access_denied', 'login_denied', 'the login was denied: because of access_denied'],
    ['expired_token', 'login_timeout', 'the code has expired before it was used'],
    ['invalid_grant', 'login_denied', 'refused the login with invalid_grant: because of invalid_grant'],
  ])('%s ends it with %s', async (error, code, words) => {
    await using world = await begin({ polls: [error] })
    const { pass, flow } = world
    await pass(5)
    const fault = await faultOf(flow)
    expect(fault.code).toBe(code as Fault['code'])
    expect(fault.message).toContain(words)
  })

  test.each([
    ["the code's own end", { device: { expires_in: 12 } }, {}],
    ['--timeout', {}, { timeoutMs: 12_000 }],
  ])('nobody approves: login_timeout at %s, without another request', async (_, changes, more) => {
    await using world = await begin({ polls: [], ...changes }, more)
    const { pass, polls, settled, flow } = world
    await pass(5)
    await settled()
    await pass(5)
    await settled()
    await pass(2)
    expect((await faultOf(flow)).code).toBe('login_timeout')
    expect(polls()).toBe(2)
  })

  test('an interval beyond the end of the code does not outlast it', async () => {
    await using world = await begin({ device: { interval: 1e9, expires_in: 60 } })
    const { pass, flow } = world
    await pass(60)
    expect((await faultOf(flow)).code).toBe('login_timeout')
  })

  test('Ctrl-C ends the wait with its own reason', async () => {
    const abort = new AbortController()
    await using world = await begin({}, { signal: abort.signal })
    const { clock, flow } = world
    await clock.sleeping()
    abort.abort(new Fault('interrupted', 'interrupted'))
    expect((await faultOf(flow)).code).toBe('interrupted')
  })

  test('without verification_uri_complete the code is to be typed', async () => {
    await using world = await begin({ device: { verification_uri_complete: undefined } })
    const { flow, context, pass, server } = world
    await pass(5)
    await flow
    expect(said(context)).toContain(`  ${server.url}/device\n`)
    expect(said(context)).toContain('enter the code WDJB-MJHT')
  })

  test.each([
    'http://ci.example.com/device',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://user:pass@ci.example.com/device',
    '--help',
  ])('%s is neither opened nor drawn', async (address) => {
    await using world = await begin({
      device: { verification_uri: address, verification_uri_complete: address },
    })
    const { flow, context, opened, pass } = world
    await pass(5)
    await flow
    expect([opened, context.drawn]).toEqual([[], []])
  })

  test('over SSH without a display no browser is opened', async () => {
    await using world = await begin({}, { remote: true })
    const { flow, opened, pass } = world
    await pass(5)
    await flow
    expect(opened).toEqual([])
  })

  test("a hostile server's words cannot drive the terminal", async () => {
    await using world = await begin({
      device: { user_code: 'A\u001b]0;x\u0007B\nC', verification_uri_complete: 'https://a/\u001b[2J' },
    })
    const { flow, context, pass } = world
    await pass(5)
    await flow
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(said(context)).not.toMatch(/[\u0007\u001b]/)
  })

  test('a server without it is told apart, with another way', async () => {
    const fault = await faultOf(
      (await begin({ extraMetadata: { device_authorization_endpoint: undefined } })).flow,
    )
    expect([fault.code, fault.hint?.includes('--no-browser')]).toEqual(['usage', true])
  })

  test.each([
    ['no user code', { user_code: undefined }],
    ['no end', { expires_in: undefined }],
    ['an interval of text', { interval: 'soon' }],
  ])('an answer with %s is not one of OAuth', async (_, device) => {
    const fault = await faultOf((await begin({ device })).flow)
    expect(fault.code).toBe('server_error')
    expect(fault.message).not.toContain('canary')
  })
})
