/** The browser flow at a terminal: a pasted address in place of the callback, SSH sessions and browser errors. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../src/contract/fault.ts'
import { browserFlow } from '../../src/flows/browser-login.ts'
import type { FlowContext, FlowUi } from '../../src/flows/flow-types.ts'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { faultOf } from '../support/fault-of.ts'
import { flowContext, typedLines } from '../support/client/flow-context.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Behaviour, startOAuthServer } from '../support/servers/oauth-server.ts'

/** A browser login that waits, with a keyboard in front of it and a browser that does nothing by itself. */
async function begin(
  changes: Partial<Behaviour> = {},
  more: Partial<Omit<FlowContext, 'ui'>> & { ui?: Partial<FlowUi> } = {},
) {
  const server = startOAuthServer(changes)
  const keyboard = typedLines()
  const opened: string[] = []
  const context = flowContext((url) => opened.push(url), {
    ...more,
    ui: { lines: keyboard.lines, ...more.ui },
  })
  const provider = await discoverProvider(server.url, context)
  const flow = browserFlow({ provider, clientId: 'fob-cli', scopes: [] }, context, [0])
  flow.catch(() => {})
  const address = (await context.heard(/^ +http/)).trim()
  await context.heard(/at most/)
  const redirectUri = new URL(address).searchParams.get('redirect_uri') ?? ''
  /** Approves in a browser on another machine, where the redirect leads nowhere. */
  const approve = async () => (await fetch(address, { redirect: 'manual' })).headers.get('location') ?? ''
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    flow,
    context,
    address,
    redirectUri,
    opened,
    approve,
    ...keyboard,
  }
}

describe('a browser login with a person at the terminal', () => {
  test('a pasted address ends the wait as the callback would', async () => {
    await using world = await begin()
    const { flow, type, approve, server, redirectUri } = world
    type(await approve())
    const obtained = await flow
    await obtained.conclude({ ok: true })
    expect(server.valid.has(obtained.tokens.accessToken.reveal())).toBe(true)
    expect(server.seen.token[0]?.get('redirect_uri')).toBe(redirectUri)
    expect(await fetch(redirectUri).catch(() => 'closed')).toBe('closed')
  })

  test('wrong pastes are answered and end nothing, and then the callback comes', async () => {
    await using world = await begin()
    const { flow, type, context, address, server } = world
    for (const text of ['no code', 'code=x&state=another', '', 'unknown-to-the-server', 'again unknown'])
      type(text)
    await context.heard(/another login/)
    await context.heard(/does not know this code/)
    const page = fetch(address)
    const obtained = await flow
    await Promise.all([obtained.conclude({ ok: true }), page])
    expect((await page).status).toBe(200)
    expect(server.valid.has(obtained.tokens.accessToken.reveal())).toBe(true)
  })

  test('the end of the input leaves the wait for the browser', async () => {
    await using world = await begin()
    const { flow, end, address } = world
    end()
    const page = fetch(address)
    const obtained = await flow
    await Promise.all([obtained.conclude({ ok: true }), page])
    expect((await page).status).toBe(200)
  })

  test('a pasted refusal ends it, and the listener is gone', async () => {
    await using world = await begin({ consent: 'deny' })
    const { flow, type, approve, redirectUri } = world
    type(await approve())
    expect((await faultOf(flow)).code).toBe('login_denied')
    expect(await fetch(redirectUri).catch(() => 'closed')).toBe('closed')
  })
})

describe('a browser login over SSH without a display', () => {
  const remote = { ui: { remote: true } }

  test('says so, opens nothing, explains the dead page, and takes what is pasted', async () => {
    await using world = await begin({}, remote)
    const { flow, context, opened, type, approve } = world
    const said = context.said.join(' ')
    for (const words of ['over SSH without a display', 'connection refused', 'Paste it here']) {
      expect(said).toContain(words)
    }
    type(await approve())
    await (await flow).conclude({ ok: true })
    expect(opened).toEqual([])
  })

  test('a forwarded port brings the callback all the same', async () => {
    await using world = await begin({}, remote)
    const { flow, address } = world
    const page = fetch(address)
    await Promise.all([(await flow).conclude({ ok: true }), page])
  })

  test('with nobody to paste it does not wait', async () => {
    await using world = await begin({}, remote)
    const { flow, end } = world
    end()
    expect((await faultOf(flow)).code).toBe('prompt_needed')
  })
})

describe('errors that only the browser sees', () => {
  test('S246: after a while the terminal names the client ID that the server may not know', async () => {
    const clock = manualClock()
    const abort = new AbortController()
    await using world = await begin({}, { clock, signal: abort.signal, timeoutMs: 300_000 })
    const { flow, context } = world
    await clock.sleeping()
    await clock.advance(19_999)
    expect(context.said.join(' ')).not.toContain('client ID')
    await clock.advance(1)
    const hint = await context.heard(/browser show an error/)
    expect(hint).toContain('client ID fob-cli')
    expect(hint).toContain('--client-id')
    abort.abort(new Fault('interrupted', 'interrupted'))
    await faultOf(flow)
  })
})

describe('an error without `state`, as league/oauth2-server 8 sends it for a wrong scope', () => {
  const ERROR = '?error=invalid_scope&error_description=The+scope+is+not+valid'

  test('ends the wait if nothing else comes within a few seconds, and is shown as unverified', async () => {
    const clock = manualClock()
    await using world = await begin({}, { clock, timeoutMs: 300_000 })
    const { flow, redirectUri } = world
    expect((await fetch(`${redirectUri}${ERROR}`)).status).toBe(400)
    await clock.advance(1000)
    expect(await Promise.race([flow.catch(() => 'ended'), Bun.sleep(0).then(() => 'waits')])).toBe('waits')
    await clock.advance(4000)
    const fault = await faultOf(flow)
    expect([fault.code, fault.hint?.includes('--scope')]).toEqual(['login_denied', true])
    expect(fault.message).toContain('invalid_scope: The scope is not valid')
    expect(fault.message).toContain('unverified')
  })

  test('is forgotten when the response to this login comes after it', async () => {
    await using world = await begin()
    const { flow, redirectUri, approve } = world
    await fetch(`${redirectUri}${ERROR}`)
    void fetch(await approve())
    const obtained = await flow
    await obtained.conclude({ ok: true })
  })

  test.each([
    ['with another state', `${ERROR}&state=another`, {}],
    ['with a code', `${ERROR}&code=c`, {}],
    ['twice the same thing', `${ERROR}&error=x`, {}],
    ['of a picture on a page', ERROR, { 'sec-fetch-mode': 'no-cors' }],
  ])('is none: %s', async (_, query, headers) => {
    const clock = manualClock()
    await using world = await begin({}, { clock, timeoutMs: 300_000 })
    const { flow, redirectUri, type, approve } = world
    expect((await fetch(`${redirectUri}${query}`, { headers })).status).toBe(400)
    await clock.advance(10_000)
    type(await approve())
    const obtained = await flow
    await obtained.conclude({ ok: true })
  })
})
