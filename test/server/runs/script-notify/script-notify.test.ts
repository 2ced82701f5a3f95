/** Messages to Slack, Teams and HTTP receivers: secrets, retries, partial failures and asynchronous sends. */
import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../../../src/contract/fault.ts'
import { type Slack, startSlack } from '../../../support/stand-ins/slack.ts'
import { startTeams } from '../../../support/stand-ins/teams.ts'
import { failure } from '../run-harness.ts'
import { openDesk } from './message-receivers.ts'

const TOKEN = 'xoxb-k3epThisToYourself'
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Seen {
  method: string
  path: string
  headers: Headers
  body: string
}

/** An address that takes anything, and answers as it is told. */
function startHook(
  answer: (seen: Seen, count: number) => Response | Promise<Response> = () => new Response('ok'),
) {
  const seen: Seen[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const { method, headers } = request
      seen.push({ method, path: pathname + search, headers, body: await request.text() })
      return await answer(seen.at(-1) as Seen, seen.length)
    },
  })
  closing.push(() => server.stop(true))
  return { seen, url: `http://127.0.0.1:${server.port}/hook?key=s3cretOfTheHook` }
}

function slackAt(channels = ['#builds', '#ops']): Slack {
  const slack = startSlack({ token: TOKEN, channels })
  closing.push(slack.stop)
  return slack
}

const slackConfig = (url: string, channels = ['#builds']) => ({
  type: 'slack',
  token: 'secret:SLACK_BOT_TOKEN',
  channels,
  url,
})

describe('slack', () => {
  test('S95, S97: the message is posted to each channel, with the token of the secret', async () => {
    const slack = slackAt()
    const desk = await openDesk({ SLACK_BOT_TOKEN: TOKEN })
    const config = slackConfig(slack.url, ['#builds', '#ops'])
    expect(await desk.send({ name: 'slack-builds', config, message: 'Build started' })).toEqual({})
    expect(slack.posted).toEqual([
      { channel: '#builds', text: 'Build started' },
      { channel: '#ops', text: 'Build started' },
    ])
  })

  test.each([
    ['an unknown channel', ['#nope'], TOKEN, '#nope: channel_not_found'],
    ['a wrong token', ['#builds'], 'xoxb-another', '#builds: invalid_auth'],
  ])('%s is its reason', async (_name, channels, token, reason) => {
    const slack = slackAt()
    const desk = await openDesk({ SLACK_BOT_TOKEN: token })
    const error = await failure(
      desk.send({ name: 's', config: slackConfig(slack.url, channels), message: 'm' }),
    )
    expect(error).toBeInstanceOf(Fault)
    expect((error as Fault).message).toBe(`notify "s": ${reason}`)
    expect(desk.waits).toEqual([])
  })

  test('one channel that fails does not keep the message from the others, and none gets it twice', async () => {
    const slack = slackAt()
    const desk = await openDesk({ SLACK_BOT_TOKEN: TOKEN })
    const config = slackConfig(slack.url, ['#nope', '#builds'])
    expect(String(await failure(desk.send({ name: 's', config, message: 'm' })))).toContain(
      '#nope: channel_not_found',
    )
    expect(slack.posted).toEqual([{ channel: '#builds', text: 'm' }])
  })

  test('429 is waited for as long as Slack says, and then sent once', async () => {
    const slack = slackAt()
    let refused = 0
    slack.meddle = () =>
      ++refused <= 2
        ? Response.json({ ok: false, error: 'ratelimited' }, { status: 429, headers: { 'retry-after': '7' } })
        : undefined
    const desk = await openDesk({ SLACK_BOT_TOKEN: TOKEN })
    await desk.send({ name: 's', config: slackConfig(slack.url), message: 'm' })
    expect(desk.waits).toEqual([7000, 7000])
    expect(slack.posted).toHaveLength(1)
  })

  test('a value cannot mention the channel; the message itself can', async () => {
    const slack = slackAt()
    const desk = await openDesk({ SLACK_BOT_TOKEN: TOKEN })
    const request = { name: 's', config: slackConfig(slack.url), context: { title: '<!channel> & co' } }
    await desk.send({ ...request, message: '<@U1> {{ title }} {{ title | raw }}' })
    expect(slack.posted[0]?.text).toBe('<@U1> &lt;!channel&gt; &amp; co <!channel> & co')
  })
})

describe('teams', () => {
  test('S95: a card is sent to the webhook of the secret', async () => {
    const teams = startTeams()
    closing.push(teams.stop)
    const desk = await openDesk({ TEAMS_WEBHOOK_URL: teams.webhook })
    const config = { type: 'teams', webhook: 'secret:TEAMS_WEBHOOK_URL' }
    await desk.send({ name: 't', config, message: 'Build **started**' })
    expect(teams.texts).toEqual(['Build **started**'])
    expect(String(await failure(desk.send({ name: 't', config, message: '"'.repeat(19_000) })))).toContain(
      'too long',
    )
  })

  test('an older webhook that answers 200 and says that it failed has failed', async () => {
    const hook = startHook(
      () =>
        new Response(
          'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403',
        ),
    )
    const desk = await openDesk({ HOOK: hook.url })
    const config = { type: 'teams', webhook: 'secret:HOOK' }
    expect(String(await failure(desk.send({ name: 't', config, message: 'm' })))).toContain('delivery failed')
    expect(hook.seen).toHaveLength(1)
  })
})

describe('http', () => {
  test('S95: url and every header are resolved, and the message is JSON', async () => {
    const hook = startHook()
    const desk = await openDesk({ WEBHOOK_URL: hook.url, WEBHOOK_TOKEN: 'Bearer t0ken', OTHER: 'o' })
    const config = {
      type: 'http',
      url: 'secret:WEBHOOK_URL',
      method: 'PUT',
      headers: { Authorization: 'secret:WEBHOOK_TOKEN', 'X-Other': 'secret:OTHER', 'X-Plain': 'plain' },
    }
    await desk.send({ name: 'h', config, message: 'Build started' })
    const [seen] = hook.seen
    expect(seen?.method).toBe('PUT')
    expect(seen?.path).toBe('/hook?key=s3cretOfTheHook')
    expect(seen?.headers.get('authorization')).toBe('Bearer t0ken')
    expect(seen?.headers.get('x-other')).toBe('o')
    expect(seen?.headers.get('x-plain')).toBe('plain')
    expect(seen?.headers.get('content-type')).toContain('application/json')
    expect(JSON.parse(seen?.body ?? '')).toEqual({
      message: 'Build started',
      pipeline: 'deploy',
      run_id: 'run_1',
    })
  })

  test('S96: a secret is read when the message is sent, and not before', async () => {
    const hook = startHook()
    const desk = await openDesk({ WEBHOOK_URL: hook.url, T: 'first' })
    const config = {
      type: 'http',
      url: 'secret:WEBHOOK_URL',
      headers: { 'X-T': 'secret:T', 'X-Late': 'secret:LATE' },
    }
    expect(String(await failure(desk.send({ name: 'h', config, message: 'm' })))).toContain(
      'secret LATE is not set',
    )
    expect(hook.seen).toEqual([])
    await desk.set('LATE', 'now')
    await desk.send({ name: 'h', config, message: 'm' })
    expect(hook.seen[0]?.headers.get('x-late')).toBe('now')
    expect(config.headers['X-T']).toBe('secret:T')
  })

  test.each([500, 502, 503, 429])(
    '%p is tried again, with growing waits, a bounded number of times',
    async (status) => {
      const hook = startHook(() => new Response('later', { status }))
      const desk = await openDesk()
      const error = await failure(
        desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' }),
      )
      expect(String(error)).toContain(`it answered ${status}`)
      expect(hook.seen).toHaveLength(4)
      expect(desk.waits).toHaveLength(3)
      for (const [at, wait] of desk.waits.entries()) expect(wait).toBeLessThanOrEqual(500 * 2 ** (at + 1))
    },
  )

  test.each([400, 401, 403, 404, 410])('%p is not tried again, and what it says is told', async (status) => {
    const hook = startHook(() => new Response('no such hook', { status }))
    const desk = await openDesk()
    const error = await failure(
      desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' }),
    )
    expect(String(error)).toContain(`it answered ${status}: no such hook`)
    expect(hook.seen).toHaveLength(1)
  })

  test('what was down and comes back gets the message', async () => {
    const hook = startHook((_seen, count) => new Response('', { status: count < 3 ? 503 : 200 }))
    const desk = await openDesk()
    await desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' })
    expect(hook.seen).toHaveLength(3)
  })

  test('who asks for a wait that is too long is not waited for', async () => {
    const hook = startHook(() => new Response('', { status: 429, headers: { 'retry-after': '3600' } }))
    const desk = await openDesk()
    await failure(desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' }))
    expect(desk.waits).toEqual([])
  })

  test('a date to wait for is understood', async () => {
    const date = 'Thu, 01 Jan 2026 00:00:03 GMT'
    const hook = startHook((_seen, count) =>
      count > 1 ? new Response() : new Response('', { status: 503, headers: { 'retry-after': date } }),
    )
    const desk = await openDesk()
    await desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' })
    expect(desk.waits).toEqual([3000])
  })

  test('a redirect is not followed', async () => {
    const elsewhere = startHook()
    const hook = startHook(() => Response.redirect(elsewhere.url, 307))
    const desk = await openDesk({ T: 't0ken-t0ken' })
    const config = { type: 'http', url: hook.url, headers: { Authorization: 'secret:T' } }
    expect(String(await failure(desk.send({ name: 'h', config, message: 'm' })))).toContain(
      'redirects are not followed',
    )
    expect(elsewhere.seen).toEqual([])
  })

  test('no error names the address, also where nobody answers there or the answer repeats it', async () => {
    const echo = startHook((seen) => new Response(`cannot ${seen.method} ${seen.path}`, { status: 400 }))
    const dead = 'http://127.0.0.1:1/hook?key=s3cretOfTheHook'
    for (const url of [echo.url, dead]) {
      const desk = await openDesk({ URL: url, KEY: 's3cretOfTheHook' })
      const config = { type: 'http', url: 'secret:URL', headers: { 'x-key': 'secret:KEY' } }
      const error = await failure(desk.send({ name: 'h', config, message: 'm' }))
      expect(error).toBeInstanceOf(Fault)
      expect(String(error)).not.toContain('s3cretOfTheHook')
      expect(String(error)).not.toContain('127.0.0.1')
    }
  })

  test('an answer without end is read to a bound', async () => {
    const hook = startHook(() => {
      const stream = new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(120)),
      })
      return new Response(stream, { status: 400 })
    })
    const desk = await openDesk()
    const error = String(
      await failure(desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' })),
    )
    expect(error.length).toBeLessThan(400)
  })
})

describe('what is refused before anything is sent', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ type: 'pager' }, /there is no type "pager"/],
    [{ type: 'constructor' }, /there is no type/],
    [{ type: 'slack', channels: ['#a'] }, /its config\.token is missing/],
    [{ type: 'slack', token: 't', channels: [] }, /its config\.channels is empty/],
    [{ type: 'slack', token: 't', channels: ['#a'], chanels: 1 }, /its config\.chanels is not known/],
    [{ type: 'teams' }, /its config\.webhook is missing/],
    [{ type: 'teams', webhook: 'http://example.com/x' }, /not one of https/],
    [{ type: 'teams', webhook: 'not an address' }, /its address is none/],
    [{ type: 'teams', webhook: 'https://a:b@example.com/x' }, /has a user in it/],
    [{ type: 'http', url: 'http://169.254.169.254/latest' }, /not one of https/],
    [{ type: 'http', url: 'file:///etc/passwd' }, /not one of https/],
    [
      { type: 'http', url: 'https://example.com', method: 'DELETE' },
      /its config\.method is not POST, PUT or PATCH/,
    ],
    [{ type: 'http', url: 'https://example.com', headers: { Host: 'x' } }, /cannot be set/],
    [{ type: 'http', url: 'https://example.com', headers: { 'a b': 'x' } }, /not a name for a header/],
    [{ type: 'http', url: 'https://example.com', headers: { a: 'x\r\ny: z' } }, /more than one line/],
    [
      { type: 'http', url: 'https://example.com', headers: { a: 1 } },
      /its config\.headers\.a has the wrong type/,
    ],
  ])('%p', async (config, reason) => {
    const desk = await openDesk({}, { send: () => Promise.reject(new Error('something was sent')) })
    expect(String(await failure(desk.send({ name: 'n', config, message: 'm' })))).toMatch(reason)
  })

  test.each<[Record<string, unknown>, RegExp]>([
    [{ message: '' }, /notify\.send: message is empty/],
    [{ message: 7 }, /notify\.send: message has the wrong type/],
    [{}, /notify\.send: message is missing/],
  ])('%p', async (more, reason) => {
    const desk = await openDesk()
    expect(String(await failure(desk.send({ name: 'n', config: { type: 'http' }, ...more })))).toMatch(reason)
  })
})

test.each([
  'https://127.0.0.1:1/hook',
  'https://localhost:1/hook',
  'https://[::1]:1/hook',
  'https://169.254.169.254/x',
])('%p is asked only where the operator has named it, and its name is not in the error', async (url) => {
  const desk = await openDesk({ URL: url }, { allowed: [] })
  const error = await failure(
    desk.send({ name: 'h', config: { type: 'http', url: 'secret:URL' }, message: 'm' }),
  )
  expect(String(error)).toContain('not a place on the internet')
  expect(String(error)).not.toContain(new URL(url).hostname)
  expect(desk.waits).toEqual([])
})

describe('async: true', () => {
  test('does not reject; why it failed is a line of the log', async () => {
    const hook = startHook(() => new Response('no', { status: 400 }))
    const desk = await openDesk({ URL: hook.url })
    const request = { name: 'h', config: { type: 'http', url: 'secret:URL' }, message: 'm', async: true }
    expect(await desk.send(request)).toEqual({})
    await desk.settled()
    expect(desk.lines).toEqual(['notify "h": it answered 400: no\n'])
  })

  test('rejects for a secret that is not set', async () => {
    const desk = await openDesk()
    const request = { name: 'h', config: { type: 'http', url: 'secret:NOPE' }, message: 'm', async: true }
    expect(String(await failure(desk.send(request)))).toContain('notify "h": secret NOPE is not set')
    expect(desk.lines).toEqual([])
  })

  test('is sent all the same', async () => {
    const hook = startHook()
    const desk = await openDesk()
    await desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm', async: true })
    await desk.settled()
    expect(hook.seen).toHaveLength(1)
    expect(desk.lines).toEqual([])
  })
})

test('when the run ends, nothing more is tried', async () => {
  const hook = startHook(() => {
    desk.stop.abort(new Error('stopped'))
    return new Response('', { status: 503 })
  })
  const desk = await openDesk()
  const error = await failure(desk.send({ name: 'h', config: { type: 'http', url: hook.url }, message: 'm' }))
  expect(String(error)).toContain('stopped')
  expect(hook.seen).toHaveLength(1)
})

test('a secret that got into the message does not get out', async () => {
  const hook = startHook()
  const desk = await openDesk({ T: 't0ken-t0ken' })
  const config = { type: 'http', url: hook.url, headers: { 'x-t': 'secret:T' } }
  await desk.send({ name: 'h', config, context: { log: 'used t0ken-t0ken' }, message: 'log: {{ log }}' })
  expect(hook.seen[0]?.body).toContain('log: used ***REDACTED***')
})
