/** The page of one run and its record in the API: who started it, from where, with what, and its attempts. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { RunResponse } from '../../../../src/contract/api/runs.ts'
import { createHmac } from 'node:crypto'
import { type Company, openCompany } from '../company.ts'
import type { HttpBrowser } from '../../../support/servers/http-browser.ts'

/** Fails with an argument, and says which attempt it is by what it prints. */
const SOURCE = (words: string) => `export const pipeline = async () => {
  console.log('${words}', pipelineContext.args.length)
  if (pipelineContext.args.includes('fail')) throw new Error('it was told to fail')
}`
const WEBHOOK_SECRET = 'a-webhook-secret-of-our-own'

let company: Company
let browser: HttpBrowser
const put = (words: string) =>
  company.ask('ada', 'PUT', '/api/pipelines/deploy', {
    body: { source: SOURCE(words), filename: 'p.ts', secrets: { PASSWORD: 'hunter2-hunter2' } },
  })

beforeAll(async () => {
  company = await openCompany()
  await put('deploying')
  ;({ browser } = await company.browse('ada', '/runs'))
})
afterAll(() => company.stop())

const page = (id: string) => browser.open(`${company.server.url}/runs/${id}`)
const record = async (id: string) =>
  JSON.parse((await company.ask('ada', 'GET', `/api/runs/${id}`)).text) as RunResponse

async function start(
  body: object,
  who?: 'ada' | 'bob',
  headers: Record<string, string> = {},
): Promise<string> {
  const { text } = await company.ask(who, 'POST', '/api/pipelines/deploy/run', { body, headers })
  const { run_id: id } = JSON.parse(text) as { run_id: string }
  await ended(id)
  return id
}

/** Reads the events up to the exit. */
async function ended(id: string): Promise<void> {
  await company.ask('ada', 'GET', `/api/runs/${id}/events`)
}

describe('the page of a run', () => {
  test('names the token, also once it is deleted, the command line, the task and the arguments', async () => {
    const wanted = { name: 'Nightly <builds>', scopes: ['runs:trigger'], allPipelines: true }
    const created = await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: wanted })
    const { id: token, token: value } = JSON.parse(created.text) as { id: string; token: string }
    const body = { task: 'roll back\nand tell us', args: ['staging', '--force'], timeoutMs: 600_000 }
    const agent = { authorization: `Bearer ${value}`, 'user-agent': 'fob/1.2.3' }
    const id = await start(body, undefined, agent)
    await company.ask('ada', 'DELETE', `/api/auth/cli-tokens/${token}`)
    const { html } = await page(id)
    expect(html).toContain('by ada@company.com, by the token <strong>Nightly &lt;builds&gt;</strong>')
    expect(html).toContain('<dd>the command line</dd>')
    expect(html).toContain('roll back\nand tell us</pre')
    expect(html).toContain('<code>staging</code>')
    expect(html).toContain('<dd>10 min 0 s</dd>')
    expect(html).not.toContain('Attempts')
    expect(html).not.toContain(value)
    expect(await record(id)).toMatchObject({
      tokenName: 'Nightly <builds>',
      origin: { kind: 'cli' },
      ...body,
      repeats: null,
      sourceChanged: false,
      queuedMs: expect.any(Number),
      durationMs: expect.any(Number),
      attempts: [{ attempt: 1, status: 'success', by: 'ada@company.com' }],
    })
  })

  test('redacts a secret in the task and the arguments as everywhere', async () => {
    const id = await start({ task: 'use hunter2-hunter2', args: ['hunter2-hunter2'] }, 'ada')
    const { html } = await page(id)
    expect(html).not.toContain('hunter2-hunter2')
    expect(html).toContain('use ***REDACTED***')
    expect(JSON.stringify(await record(id))).not.toContain('hunter2-hunter2')
  })

  test('says which webhook delivery started it', async () => {
    await company.ask('ada', 'PUT', '/api/pipelines/deploy/webhook', {
      body: { provider: 'github', secret: WEBHOOK_SECRET },
    })
    const body = '{"ref":"main"}'
    const signature = createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')
    const delivered = await fetch(`${company.server.url}/api/webhooks/deploy`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
        'x-hub-signature-256': `sha256=${signature}`,
      },
      body,
    })
    const { run_id: id } = (await delivered.json()) as { run_id: string }
    await ended(id)
    const { html } = await page(id)
    expect(html).toContain('by webhook')
    expect(html).toContain('a webhook (github), delivery 72d3162e-cc78-11e3-81ab-4c9367dc0958')
  })

  test('tells the attempts apart, says who resumed it and why the one before ended', async () => {
    const id = await start({ args: ['fail'] }, 'ada')
    await company.ask('bob', 'POST', `/api/runs/${id}/resume`)
    await ended(id)
    const { html } = await page(id)
    const [list = ''] = /<ol class="tasks" aria-labelledby="attempts-title">[\s\S]*?<\/ol>/.exec(html) ?? []
    expect(list.match(/<li value="\d"/g)).toEqual(['<li value="1"', '<li value="2"'])
    expect(list).toContain('it was told to fail')
    expect(list).toMatch(/resumed <time[^>]*>[^<]*<\/time> by\s+bob@company.com/)
    const lines = [...html.matchAll(/<li class="stdout"[\s\S]*?<\/li>/g)].map(([line]) => line)
    expect(lines.map((line) => line.includes('<b class="attempt">attempt 2</b>'))).toEqual([false, true])
    const { attempts } = await record(id)
    expect(attempts).toMatchObject([
      {
        attempt: 1,
        status: 'failed',
        message: expect.stringContaining('told to fail'),
        by: 'ada@company.com',
      },
      { attempt: 2, status: 'failed', by: 'bob@company.com' },
    ])
  })

  test('the record says when the source has changed since', async () => {
    const id = await start({}, 'ada')
    await put('deploying')
    expect((await record(id)).sourceChanged).toBe(false)
    await put('deploying something else')
    expect((await record(id)).sourceChanged).toBe(true)
  })
})

const runOf = (url: string) => /run_[0-9a-f]{32}/.exec(url)?.[0] ?? ''

describe('Run again', () => {
  test('on the page starts another with the same input, by who asks, and is audited', async () => {
    await put('first')
    const body = { task: 'roll back', args: ['one', 'two'], timeoutMs: 60_000 }
    const id = await start(body, 'bob')
    const before = await page(id)
    expect(before.html).not.toContain('has changed since')
    await put('second')
    expect((await page(id)).html).toContain('Run again runs it as it is now.')
    const after = await browser.submit(before, {}, 'Run again')
    const again = runOf(after.url.href)
    expect(again).not.toBe(id)
    await ended(again)
    expect(await record(again)).toMatchObject({
      ...body,
      repeats: id,
      triggeredBy: 'ada@company.com',
      origin: { kind: 'page' },
    })
    const { html } = await page(again)
    expect(html).toContain(`<a href="/runs/${id}"><code>${id}</code></a>`)
    expect(html).toContain('the source has changed since')
    const { text } = await company.ask('ada', 'GET', `/api/audit?target=${again}`)
    expect(JSON.parse(text)).toMatchObject({ items: [{ action: 'run.start', details: { again: id } }] })
  })

  test('in the list has a button for each run that has ended', async () => {
    const id = await start({ args: ['from the list'] }, 'ada')
    const list = await browser.open(`${company.server.url}/runs`)
    const after = await browser.submit(list, {}, `deploy, ${id}`)
    const again = runOf(after.url.href)
    await ended(again)
    expect(await record(again)).toMatchObject({ repeats: id, args: ['from the list'] })
  })

  test('is refused where the input held a secret: what cannot be repeated is said, and nothing starts', async () => {
    const id = await start({ args: ['a', 'hunter2-hunter2'], task: 'use hunter2-hunter2' }, 'ada')
    const why =
      'the run cannot be started again as it was: argument 2 and the task held a secret, which is not stored'
    const refused = await company.ask('ada', 'POST', `/api/runs/${id}/again`, { body: {} })
    expect([refused.status, JSON.parse(refused.text)]).toEqual([
      409,
      { error: 'conflict', message: why, hint: expect.stringContaining('fob pipeline run deploy') },
    ])
    const shown = await page(id)
    expect(shown.html).toContain(`T${why.slice(1)}.`)
    expect(shown.html).not.toContain('value="again"')
    const list = await browser.open(`${company.server.url}/runs`)
    const after = await browser.submit(list, {}, `deploy, ${id}`)
    expect([after.status, after.html]).toEqual([409, expect.stringContaining(why)])
    const failed = await start({ args: ['fail', 'hunter2-hunter2'] }, 'ada')
    expect((await company.ask('ada', 'POST', `/api/runs/${failed}/again`)).status).toBe(409)
  })

  test('of a webhook is refused once its request is not stored any more, and gives it again until then', async () => {
    const deliver = async (ref: string) => {
      const body = JSON.stringify({ ref })
      const signature = createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')
      const response = await fetch(`${company.server.url}/api/webhooks/hook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` },
        body,
      })
      const { run_id: id } = (await response.json()) as { run_id: string }
      await ended(id)
      return id
    }
    const source = `export const pipeline = async () => {
      const { ref } = JSON.parse(http.request.body)
      console.log('got', ref)
      http.respond({ status: 200, body: JSON.stringify({ run_id: pipelineContext.runID }) })
      if (ref === 'fail') throw new Error('told to fail')
    }`
    await company.ask('ada', 'PUT', '/api/pipelines/hook', { body: { source, filename: 'p.ts' } })
    const webhook = { provider: 'github', secret: WEBHOOK_SECRET }
    await company.ask('ada', 'PUT', '/api/pipelines/hook/webhook', { body: webhook })
    const good = await company.ask('ada', 'POST', `/api/runs/${await deliver('main')}/again`)
    expect([good.status, good.text]).toEqual([409, expect.stringContaining('request of the webhook')])
    const again = await company.ask('ada', 'POST', `/api/runs/${await deliver('fail')}/again`)
    const { run_id: id } = JSON.parse(again.text) as { run_id: string }
    await ended(id)
    expect(await record(id)).toMatchObject({ status: 'failed', origin: { kind: 'api', request: true } })
    expect((await page(id)).html).toContain('got fail')
  })

  test('needs the right to start runs, and to read the one that is repeated', async () => {
    const id = await start({ args: ['private'] }, 'ada')
    const tokenWith = async (scopes: string[]) => {
      const body = { name: scopes.join(), scopes, allPipelines: true }
      const { text } = await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body })
      const { token } = JSON.parse(text) as { token: string }
      return { authorization: `Bearer ${token}` }
    }
    for (const scopes of [['runs:read'], ['runs:trigger']]) {
      const headers = await tokenWith(scopes)
      const { status } = await company.ask(undefined, 'POST', `/api/runs/${id}/again`, { headers })
      expect(status).toBe(403)
    }
    const { browser: eve, page: foreign } = await company.browse('eve', `/runs?tenant=acme`)
    expect(foreign.status).toBe(200)
    const csrf = /name="csrf" value="([^"]+)"/.exec(foreign.html)?.[1] ?? ''
    expect((await eve.open(`${company.server.url}/runs/${id}?tenant=acme`)).status).toBe(404)
    expect(csrf).toBe('')
  })

  test('without the value of the session starts nothing', async () => {
    const id = await start({}, 'ada')
    const shown = await page(id)
    const forged = {
      ...shown,
      html: shown.html.replaceAll(/name="csrf" value="[^"]+"/g, 'name="csrf" value="x"'),
    }
    expect((await browser.submit(forged, {}, 'Run again')).status).toBe(403)
  })
})
