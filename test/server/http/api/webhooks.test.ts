/** Webhooks over the API: responses of scripts, repeated deliveries, refusals and the secret. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { jsonClient, until } from '../../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { genericHeaders, githubHeaders } from '../../../support/servers/webhook-signer.ts'

const ANSWERS = `export const pipeline = async () => {
  const { method, path, query, headers, body } = http.request
  console.log('seen', JSON.stringify(http.request))
  await http.respond({ status: 201, headers: { 'Content-Type': 'text/plain', 'x-one': 'two' },
    body: method + ' ' + path + ' ' + query.a + ' ' + headers['x-github-event'] + ' ' + JSON.parse(body).n })
}`
const SILENT = `export const pipeline = () => console.log(http.request.body)`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)
async function put(name: string, source: string, provider = 'github'): Promise<string> {
  await send('PUT', `/api/pipelines/${name}`, { source, filename: `${name}.ts` })
  const { status, text, json } = await send('PUT', `/api/pipelines/${name}/webhook`, { provider })
  expect({ status, text }).toMatchObject({ status: 200 })
  return json().secret as string
}

async function deliver(target: string, body: string, headers: Record<string, string>) {
  const response = await fetch(`${server.url}/api/webhooks/${target}`, { method: 'POST', headers, body })
  const text = await response.text()
  const runId = response.headers.get('x-fob-run')
  return { status: response.status, text, headers: response.headers, runId }
}
const runs = async (name: string) =>
  ((await send('GET', `/api/runs?pipeline=${name}`)).json().items as { id: string; status: string }[]) ?? []
const ended = (id: string) =>
  until(
    async () => (await send('GET', `/api/runs/${id}`)).json(),
    ({ status }) => status === 'success' || status === 'failed',
  )
const logOf = async (id: string) => (await send('GET', `/api/runs/${id}/log`)).text

describe('a webhook that answers', () => {
  let secret: string
  beforeAll(async () => {
    secret = await put('answers', ANSWERS)
  })

  test('reaches the script, whose answer reaches the sender', async () => {
    const body = '{"n":7}'
    const headers = {
      ...githubHeaders(body, secret, 'guid-1'),
      authorization: 'Bearer canary-of-sender',
      cookie: 'a=canary-of-sender',
    }
    const answer = await deliver('answers?a=b&tenant=default', body, headers)
    expect(answer).toMatchObject({ status: 201, text: 'POST /api/webhooks/answers b push 7' })
    expect(answer.headers.get('content-type')).toBe('text/plain')
    expect(answer.headers.get('x-one')).toBe('two')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    const run = await ended(answer.runId ?? '')
    expect(run).toMatchObject({ status: 'success', triggeredBy: 'webhook' })
    const log = await logOf(answer.runId ?? '')
    expect(log).toContain('"x-github-delivery":"guid-1"')
    // What proves who sent it is not for the script.
    for (const hidden of ['canary-of-sender', 'signature', secret, 'tenant'])
      expect(log).not.toContain(hidden)
  })

  test('that is delivered again is answered with the run that it began', async () => {
    const body = '{"n":8}'
    const first = await deliver('answers?a=1', body, githubHeaders(body, secret, 'guid-2'))
    const again = await deliver('answers?a=1', body, githubHeaders(body, secret, 'guid-2'))
    expect(first.status).toBe(201)
    expect(again).toMatchObject({ status: 202, runId: first.runId })
    expect(JSON.parse(again.text)).toEqual({ run_id: first.runId, redelivered: true })
  })

  test.each([
    ['a wrong signature', (body: string) => githubHeaders(body, `${secret}x`, 'g')],
    ['the signature of another body', () => githubHeaders('{"n":9}', secret, 'g')],
    ['none', () => ({ 'content-type': 'application/json' })],
  ])('with %s is refused with 401, and begins nothing', async (_name, headers) => {
    const before = (await runs('answers')).length
    const answer = await deliver('answers', '{"n":10}', headers('{"n":10}'))
    expect(answer).toMatchObject({ status: 401, text: expect.stringContaining('signature_invalid') })
    expect(await runs('answers')).toHaveLength(before)
  })
})

describe('GitHub as it is', () => {
  const FORM = 'application/x-www-form-urlencoded'
  let secret: string
  beforeAll(async () => {
    secret = await put(
      'form',
      `export const pipeline = async () => {
        const { body, headers } = http.request
        console.log(JSON.stringify([http.request.json(), body, headers['content-type'], Object.keys(http.request)]))
      }`,
    )
  })

  test('a form is unwrapped: the script gets the payload in it', async () => {
    const payload = '{"ref":"a+b & c","n":1}'
    const body = new URLSearchParams({ payload }).toString()
    const answer = await deliver('form', body, {
      ...githubHeaders(body, secret, 'f-1'),
      'content-type': FORM,
    })
    expect(answer.status).toBe(202)
    await ended(answer.runId ?? '')
    const log = JSON.parse(await logOf(answer.runId ?? '')) as unknown[]
    expect(log).toEqual([
      JSON.parse(payload),
      payload,
      'application/json',
      ['method', 'path', 'query', 'headers', 'body'],
    ])
  })

  test('a ping is answered with 200 and starts no run, if it is signed', async () => {
    const before = (await runs('form')).length
    const ping = { ...githubHeaders('{"zen":"x"}', secret, 'p-1'), 'x-github-event': 'ping' }
    expect(await deliver('form', '{"zen":"x"}', ping)).toMatchObject({ status: 200, text: '{"pong":true}' })
    const forged = { ...ping, 'x-hub-signature-256': 'sha256=00' }
    expect((await deliver('form', '{"zen":"x"}', forged)).status).toBe(401)
    expect(await runs('form')).toHaveLength(before)
  })

  test.each(['x-gitea-event', 'x-forgejo-event'])(
    'a form of Gitea or Forgejo, signed by its payload, is named in the log (%s)',
    async (name) => {
      const payload = '{"ref":"main"}'
      const body = new URLSearchParams({ payload }).toString()
      const headers = { ...githubHeaders(payload, secret, 'g-1'), 'content-type': FORM, [name]: 'push' }
      expect((await deliver('form', body, headers)).status).toBe(401)
      expect(server.log()).toContain('choose the content type application/json there')
    },
  )
})

describe('what the script does not answer', () => {
  test('is answered with 202 and the run, at once', async () => {
    const secret = await put('silent', SILENT)
    const answer = await deliver('silent', 'not json', githubHeaders('not json', secret, 'g'))
    expect(answer.status).toBe(202)
    expect(JSON.parse(answer.text)).toEqual({ run_id: answer.runId })
    await ended(answer.runId ?? '')
    expect(await logOf(answer.runId ?? '')).toBe('not json\n')
  })

  test('is answered when the run ends without, for whatever reason', async () => {
    const secret = await put(
      'breaks',
      `export const pipeline = () => { throw new Error(typeof http.respond) }`,
    )
    const started = performance.now()
    expect(await deliver('breaks', '{}', githubHeaders('{}', secret, 'g'))).toMatchObject({ status: 202 })
    expect(performance.now() - started).toBeLessThan(6000)
  })

  const refusals: [string, string, string][] = [
    ['twice', `{}); await http.respond({}`, 'the request was answered already'],
    [
      'with a header of ours',
      `{ headers: { 'X-Frame-Options': 'ALLOW' } }`,
      'is not a header that an answer can have',
    ],
    ...['X-Accel-Redirect', 'X-Sendfile', 'X-LIGHTTPD-send-file', 'X-Reproxy-URL'].map(
      (name): [string, string, string] => [
        `with ${name} for a proxy`,
        `{ headers: { '${name}': '/etc/passwd' } }`,
        'is not a header that an answer can have',
      ],
    ),
    ['with a cookie', `{ headers: { 'set-cookie': 'a=b' } }`, 'is not a header that an answer can have'],
    ['with a line end in a header', `{ headers: { 'x-a': 'b\\r\\nset-cookie: a=b' } }`, 'has a character'],
    ['with a status that is none', `{ status: 99 }`, 'status is under 200'],
    ['with a misspelt field', `{ stauts: 200 }`, 'stauts'],
  ]
  test.each(refusals)('an answer %s is refused, with the reason', async (name, argument, reason) => {
    const pipeline = `refused-${name.replaceAll(' ', '-')}`
    const secret = await put(
      pipeline,
      `export const pipeline = async () => { await http.respond(${argument}) }`,
    )
    const { runId } = await deliver(pipeline, '{}', githubHeaders('{}', secret, 'g'))
    expect((await ended(runId ?? '')).message).toContain(reason)
  })

  test('a run that was begun by hand has no request, and nobody to answer to', async () => {
    const source = `export const pipeline = async () => { console.log(String(http.request)); await http.respond({}) }`
    await send('PUT', '/api/pipelines/by-hand', { source, filename: 'p.ts' })
    const id = (await send('POST', '/api/pipelines/by-hand/run', {})).json().run_id as string
    expect((await ended(id)).message).toContain('this run was not begun by a webhook')
    expect(await logOf(id)).toContain('undefined\n')
  })
})

test('a secret that a task shows does not reach the sender', async () => {
  const source = `export const pipeline = async () => {
    const { stdout } = await runtime.run({ name: 't', command: { path: 'printenv', args: ['A'] }, env: { A: 'secret:TOKEN' } })
    await http.respond({ headers: { 'x-a': stdout.trim() }, body: btoa(stdout) + stdout })
  }`
  const secret = await put('leaks', source)
  await send('PUT', '/api/secrets/TOKEN?pipeline=leaks', { value: 'canary-webhook-77' })
  const { status, text, headers } = await deliver('leaks', '{}', githubHeaders('{}', secret, 'g'))
  expect([status, headers.get('x-a')]).toEqual([200, '***REDACTED***'])
  expect(text).not.toContain('canary')
  expect(text).toContain('***REDACTED***')
})

describe('what is not there', () => {
  test('a pipeline without a webhook, none of that name, and no such tenant are told apart by nothing', async () => {
    const secret = await put('there', SILENT)
    await send('PUT', '/api/pipelines/without', { source: SILENT, filename: 'p.ts' })
    const answers = []
    for (const target of ['without', 'nowhere', 'there?tenant=nobody', 'there?tenant=']) {
      const { status, text } = await deliver(target, '{}', githubHeaders('{}', secret, 'g'))
      answers.push(`${status} ${text}`)
    }
    expect(new Set(answers)).toEqual(new Set(['404 {"error":"not_found","message":"webhook not found"}']))
  })

  test('a webhook that was removed is not there, nor one that came back under its old secret', async () => {
    const secret = await put('gone', SILENT)
    expect((await send('GET', '/api/pipelines/gone')).json().webhook).toEqual({
      provider: 'github',
      url: `${server.url}/api/webhooks/gone`,
    })
    expect((await send('DELETE', '/api/pipelines/gone/webhook')).status).toBe(204)
    expect((await send('DELETE', '/api/pipelines/gone/webhook')).status).toBe(404)
    expect((await send('GET', '/api/pipelines/gone')).json().webhook).toBeNull()
    expect(await deliver('gone', '{}', githubHeaders('{}', secret, 'g'))).toMatchObject({ status: 404 })
    await put('gone', SILENT)
    expect(await deliver('gone', '{}', githubHeaders('{}', secret, 'g'))).toMatchObject({ status: 401 })
  })

  test('nor is one of a pipeline that was deleted', async () => {
    const secret = await put('deleted', SILENT)
    expect(await deliver('deleted', '{}', githubHeaders('{}', secret, 'g'))).toMatchObject({ status: 202 })
    expect((await send('DELETE', '/api/pipelines/deleted')).status).toBe(204)
    await send('PUT', '/api/pipelines/deleted', { source: SILENT, filename: 'p.ts' })
    expect(await deliver('deleted', '{}', githubHeaders('{}', secret, 'g2'))).toMatchObject({ status: 404 })
  })
})

test('a paused pipeline refuses, and the delivery can come again', async () => {
  const secret = await put('paused', SILENT)
  await send('POST', '/api/pipelines/paused/pause')
  const headers = githubHeaders('{}', secret, 'g')
  expect(await deliver('paused', '{}', headers)).toMatchObject({ status: 409 })
  await send('POST', '/api/pipelines/paused/unpause')
  const answer = await deliver('paused', '{}', headers)
  expect(JSON.parse(answer.text)).toEqual({ run_id: answer.runId })
})

test('a generic webhook is signed as requests are', async () => {
  const secret = await put('generic', SILENT, 'generic')
  const path = '/api/webhooks/generic?a=1'
  const headers = genericHeaders('{}', secret, { path, nonce: 'nonce-0001', at: Date.now() })
  expect(await deliver('generic?a=1', '{}', headers)).toMatchObject({ status: 202 })
  expect(await deliver('generic?a=2', '{}', headers)).toMatchObject({ status: 401 })
})

describe('the secret', () => {
  test('may be brought, is kept, and is shown by nothing', async () => {
    await send('PUT', '/api/pipelines/own', { source: SILENT, filename: 'p.ts' })
    const secret = 'canary-brought-secret'
    const set = await send('PUT', '/api/pipelines/own/webhook', { provider: 'gitlab', secret })
    expect(set.json()).toEqual({ provider: 'gitlab', url: `${server.url}/api/webhooks/own` })
    expect(await deliver('own', '{}', { 'x-gitlab-token': secret })).toMatchObject({ status: 202 })
    const shown = [
      '/api/pipelines/own',
      '/api/pipelines',
      '/api/secrets',
      '/api/secrets?pipeline=own',
      '/api/audit',
      '/pipelines/own',
      '/pipelines',
    ]
    const tool = { name: 'get_pipeline', arguments: { name: 'own' } }
    const asked = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: tool }
    const host = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify(asked),
    })
    const answers = [{ status: host.status, text: await host.text() }]
    for (const path of shown) answers.push(await send('GET', path))
    for (const { status, text } of answers) {
      expect(status).toBe(200)
      expect(text).not.toContain('canary-brought')
      expect(text).not.toContain('FOB_WEBHOOK')
    }
    expect(server.log()).not.toContain('canary-brought')
  })

  test('cannot be read or removed as a secret of the pipeline', async () => {
    const secret = await put(
      'guarded',
      `export const pipeline = () => runtime.run({ name: 't', command: { path: 'true' }, env: { A: 'secret:' + 'FOB_WEBHOOK_SECRET' } })`,
    )
    const { runId } = await deliver('guarded', '{}', githubHeaders('{}', secret, 'g'))
    expect((await ended(runId ?? '')).message).toContain('cannot be read')
    expect((await send('DELETE', '/api/secrets/FOB_WEBHOOK_SECRET?pipeline=guarded')).status).toBe(400)
    const unset = { source: SILENT, filename: 'p.ts', unsetSecrets: ['FOB_WEBHOOK_SECRET'] }
    expect((await send('PUT', '/api/pipelines/guarded', unset)).status).toBe(400)
  })

  test.each([
    [{ provider: 'bitbucket' }, 'provider'],
    [{ provider: 'github', secret: 'short' }, '16 characters'],
    [{ provider: 'github', secret: 'with a space in it, and long' }, 'printable'],
    [{}, 'provider'],
  ])('%j is refused', async (body, word) => {
    await send('PUT', '/api/pipelines/own', { source: SILENT, filename: 'p.ts' })
    const answer = await send('PUT', '/api/pipelines/own/webhook', body)
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(word) })
  })
})

test('a body of more than 1 MiB is refused', async () => {
  const secret = await put('large', SILENT)
  const body = 'x'.repeat(1024 * 1024 + 1)
  expect(await deliver('large', body, githubHeaders(body, secret, 'g'))).toMatchObject({ status: 413 })
})

test('setting, removing and beginning runs is on record', async () => {
  const { text } = await send('GET', '/api/audit?limit=500')
  expect(text).toContain('"action":"webhook.set","target":"answers"')
  expect(text).toContain('"action":"webhook.rm","target":"gone"')
  expect(text).toMatch(/"actor":"webhook:pip_\w+","action":"run.start"/)
})
