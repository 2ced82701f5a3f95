/** Webhooks, schedules, queue limits and time limits of runs on the binary, also over killed servers. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import types from '../../../src/contract/fob.d.ts.txt' with { type: 'text' }
import type { RunResponse } from '../../../src/contract/api/runs.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { databasePath } from '../../../src/server/db/database-files.ts'
import { createCheapVault } from '../../support/cheap-vault.ts'
import { until } from '../../support/servers/json-client.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { githubHeaders } from '../../support/servers/webhook-signer.ts'

const cwd = temporaryFolder()
const port = freePort()
const url = `http://127.0.0.1:${port}`
let running: Running

async function up(): Promise<void> {
  running = start(['server', '--data', join(cwd, 'data'), '--runs-at-once', '1', '--runs-waiting', '1'], {
    cwd,
    env: { FOB_LISTEN: `127.0.0.1:${port}`, FOB_SECRETS_SQLITE_PASSPHRASE: 'correct horse' },
  })
  await running.saw('"listening"')
}
async function down(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  running.child.kill(signal)
  await running.ended
}
beforeAll(async () => {
  await createCheapVault(databasePath(join(cwd, 'data')), 'correct horse')
  await up()
})
afterAll(() => down('SIGINT'))

const client = (...words: string[]) => fob([...words, '-s', url], { cwd })
async function set(name: string, source: string, ...flags: string[]): Promise<void> {
  writeFileSync(join(cwd, `${name}.ts`), source)
  expect(await client('pipeline', 'set', `${name}.ts`, ...flags)).toMatchObject({ code: 0 })
}
const list = async () => (await client('runs', 'list')).out
/** As the list of the command has them. While something is waited for, each look would be a process. */
const runs = async () => {
  const response = await fetch(`${url}/api/runs`)
  const { items } = (await response.json()) as { items: RunResponse[] }
  return items
    .map(({ id, pipeline, status, triggeredBy }) => [id, pipeline, status, triggeredBy, ''].join('\t'))
    .join('\n')
}
/** Starts a run, and says which. */
const detached = async (name: string) =>
  (await client('pipeline', 'run', name, '--detach')).out.trim().split('\t').at(-1) ?? ''
const shownOf = async (id: string) => (await client('runs', 'show', id)).out
const shownStopped = async (id: string) => {
  await until(runs, (out) => new RegExp(`^${id}\\t[^\\t]*\\tstopped\\t`, 'm').test(out))
  const shown = await shownOf(id)
  expect(shown).toContain('stopped')
  return shown
}
const stopAll = async () => {
  for (const line of (await list()).split('\n')) {
    const [id, , status] = line.split('\t')
    if (id !== undefined && (status === 'running' || status === 'queued')) await client('runs', 'stop', id)
  }
  await until(runs, (out) => !/\t(?:running|queued)\t/.test(out))
}

const WAITS = `export const pipeline = async () => {
  await runtime.run({ name: 'wait', command: { path: 'sleep', args: ['60'] } })
}`

describe('a webhook', () => {
  const body = '{"ref":"refs/heads/main"}'
  let secret = ''
  const deliver = async (by: string, delivery: string) => {
    const headers = githubHeaders(body, by, delivery)
    const response = await fetch(`${url}/api/webhooks/hook`, { method: 'POST', headers, body })
    return { status: response.status, text: await response.text(), runId: response.headers.get('x-fob-run') }
  }

  test('is set up with one command, which shows the secret once', async () => {
    await set(
      'hook',
      `export const pipeline = async () => {
        const { ref } = JSON.parse(http.request.body)
        await http.respond({ status: 201, body: 'building ' + ref })
      }`,
    )
    const { code, out } = await client('pipeline', 'webhook', 'hook', '--provider', 'github')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^url\t${url}/api/webhooks/hook\nsecret\t[0-9a-f]{64}\n$`))
    secret = out.trim().split('\t').at(-1) ?? ''
    const shown = await client('pipeline', 'show', 'hook')
    expect(shown.out).toContain(`webhook\tgithub, ${url}/api/webhooks/hook`)
    expect(shown.out).not.toContain(secret)
  })

  test('answers as the script says; a wrong signature is refused', async () => {
    expect(await deliver(secret, 'guid-1')).toMatchObject({ status: 201, text: 'building refs/heads/main' })
    expect(await deliver(`${secret}0`, 'guid-2')).toMatchObject({ status: 401 })
  })

  test('begins one run, also when it comes again after the server was killed', async () => {
    const first = await deliver(secret, 'guid-3')
    await down('SIGKILL')
    await up()
    const again = await deliver(secret, 'guid-3')
    expect(JSON.parse(again.text)).toEqual({ run_id: first.runId, redelivered: true })
  })

  test('whose server is killed while its run goes on: the run has its request again, and ends', async () => {
    await set(
      'long',
      `export const pipeline = async () => {
        await runtime.run({ name: 'wait', command: { path: 'sleep', args: ['1'] } })
        await http.respond({ body: 'nobody waits' })
        console.log('was sent', http.request.body, http.request.headers['x-github-event'])
      }`,
    )
    const made = await client('pipeline', 'webhook', 'long', '--provider', 'github')
    const headers = githubHeaders(body, made.out.trim().split('\t').at(-1) ?? '', 'guid-long')
    const lost = fetch(`${url}/api/webhooks/long`, { method: 'POST', headers, body }).catch(() => undefined)
    await until(runs, (out) => /\tlong\trunning\twebhook/.test(out))
    await down('SIGKILL')
    await lost
    await up()
    await until(runs, (text) => /\tlong\t(?:success|failed)\t/.test(text))
    const out = await list()
    const [id = '', , status] =
      out
        .split('\n')
        .find((line) => line.includes('\tlong\t'))
        ?.split('\t') ?? []
    expect(status).toBe('success')
    expect((await client('runs', 'logs', id)).out).toContain(`was sent ${body} push`)
  })

  test('is gone with --off', async () => {
    expect(await client('pipeline', 'webhook', 'hook', '--off')).toMatchObject({ code: 0 })
    expect(await deliver(secret, 'guid-4')).toMatchObject({ status: 404 })
  })

  test.each([
    [['--provider', 'bitbucket'], 2, '--provider takes github, gitlab or generic'],
    [[], 2, 'say who sends: --provider github, gitlab or generic'],
    [['--off', '--provider', 'github'], 2, '--off cannot be used together with another flag'],
  ])('%j ends with %d', async (flags, code, message) => {
    const ended = await client('pipeline', 'webhook', 'hook', ...flags)
    expect(ended).toMatchObject({ code, err: expect.stringContaining(message) })
  })
})

/** How many runs of a schedule have ended well. */
const scheduled = (out: string) => out.split('\ttick\tsuccess\tschedule').length - 1

describe('a schedule', () => {
  test('begins runs, and none while the pipeline is paused', async () => {
    await set('tick', `export const pipeline = () => console.log(pipelineContext.triggeredBy)`)
    const flags = ['--schedule', '* * * * * *', '--time-zone', 'Europe/Paris']
    const told = await client('pipeline', 'set', 'tick.ts', ...flags)
    expect(told.err).toMatch(/runs at \* \* \* \* \* \* \(Europe\/Paris\), next at 20/)
    await until(runs, (out) => scheduled(out) >= 2)
    expect(scheduled(await list())).toBeGreaterThanOrEqual(2)
    expect(await client('pipeline', 'pause', 'tick')).toMatchObject({ code: 0 })
    expect(await client('pipeline', 'run', 'tick')).toMatchObject({
      code: 1,
      err: 'fob: pipeline tick is paused\nhint: unpause it with: fob pipeline unpause tick\n',
    })
    expect((await client('pipeline', 'show', 'tick')).out).toMatch(
      /state\tpaused\n[^]*schedule\t\* \* \* \* \* \*/,
    )
    await client('pipeline', 'set', 'tick.ts', '--no-schedule')
    expect(await client('pipeline', 'unpause', 'tick')).toMatchObject({ code: 0 })
    expect((await client('pipeline', 'show', 'tick')).out).not.toContain('schedule')
    await until(runs, (out) => !/\t(?:running|queued)\t/.test(out))
  })

  test.each([
    [['--schedule', '61 * * * *'], 2, 'is not a schedule'],
    [['--schedule', '0 0 * * *', '--time-zone', 'Nowhere'], 2, 'no time zone "Nowhere"'],
    [['--time-zone', 'UTC'], 2, '--time-zone and --catch-up need --schedule'],
    [['--schedule', '@daily', '--no-schedule'], 2, 'cannot be used together'],
    [['--concurrency', 'sometimes'], 2, '--concurrency takes parallel, serial or cancel-previous\n'],
    [['--concurrency', 'serial', '--max-runs', '2'], 2, '--max-runs'],
    [['--max-runs', 'two'], 2, '--max-runs'],
  ])('%j ends with %d', async (flags, code, message) => {
    const ended = await client('pipeline', 'set', 'tick.ts', ...flags)
    expect(ended).toMatchObject({ code, err: expect.stringContaining(message) })
  })
})

describe('too many runs', () => {
  test('are refused, with the time to come again', async () => {
    await set('slow', WAITS)
    for (let i = 0; i < 2; i++) {
      expect(await client('pipeline', 'run', 'slow', '--detach')).toMatchObject({ code: 0 })
      await until(runs, (out) => /\tslow\trunning\t/.test(out))
    }
    expect(await client('pipeline', 'run', 'slow', '--detach')).toMatchObject({
      code: 1,
      err: 'fob: too many runs are waiting for their turn (at most 1)\nhint: wait until some have started, or stop some with: fob runs stop RUN\n',
    })
    const headers = { 'content-type': 'application/json' }
    const refused = await fetch(`${url}/api/pipelines/slow/run`, { method: 'POST', headers, body: '{}' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10'])
    await stopAll()
  })

  test('of a pipeline that cancels the previous one: it says by which', async () => {
    await set('newest', WAITS, '--concurrency', 'cancel-previous')
    const first = await detached('newest')
    await until(runs, (out) => /\tnewest\trunning\t/.test(out))
    const second = await detached('newest')
    const shown = await shownStopped(first)
    expect(shown).toContain(`cancelled by ${second}, a newer run of this pipeline`)
    await stopAll()
  })
})

/** One that goes and one that waits for it. */
const line = async (name: string) => {
  const first = await detached(name)
  await until(runs, (out) => new RegExp(`\\t${name}\\trunning\\t`).test(out))
  return { first, second: await detached(name) }
}

describe('what is queued', () => {
  test('waits while its pipeline is paused, whatever becomes of the server, and then begins', async () => {
    await set('held', WAITS)
    const { first, second } = await line('held')
    expect(await client('pipeline', 'pause', 'held')).toMatchObject({ code: 0 })
    await down('SIGKILL')
    await up()
    await until(runs, (out) => out.includes(`${first}\theld\trunning`))
    await client('runs', 'stop', first)
    await until(runs, (out) => out.includes(`${first}\theld\tstopped`))
    await Bun.sleep(300)
    expect(await shownOf(second)).toContain('queued')
    expect(await client('pipeline', 'unpause', 'held')).toMatchObject({ code: 0 })
    await until(runs, (out) => out.includes(`${second}\theld\trunning`))
    await stopAll()
  })

  test('is stopped when its pipeline is deleted, and says so; what has begun goes on', async () => {
    await set('gone', WAITS)
    const { first, second } = await line('gone')
    expect(await client('pipeline', 'rm', 'gone')).toMatchObject({ code: 0 })
    const shown = await shownStopped(second)
    expect(shown).toContain('the pipeline gone was deleted before this run started')
    expect(await shownOf(first)).toContain('running')
    await stopAll()
  })
})

describe('a run with a time limit', () => {
  const TOO_LONG = 'it took longer than 1 s, its time limit'

  test('is stopped when it is over, and the command that waits says so', async () => {
    await set('long', WAITS)
    const ended = await client('pipeline', 'run', 'long', '--timeout', '1s')
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining(TOO_LONG) })
    expect(await client('run', 'long', '--timeout', '1s')).toMatchObject({
      code: 1,
      err: expect.stringContaining('fob: the run of long was stopped\n'),
    })
  })

  test('is stopped by the next server too; the time that it waits for its turn does not count', async () => {
    await set('long', WAITS)
    const first = await detached('long')
    await until(runs, (out) => out.includes(`${first}\tlong\trunning`))
    const limited = (await client('pipeline', 'run', 'long', '--timeout', '1s', '--detach')).out
      .trim()
      .split('\t')
    const second = limited.at(-1) ?? ''
    await Bun.sleep(1200)
    expect(await shownOf(second)).toContain('queued')
    await down('SIGKILL')
    await up()
    await client('runs', 'stop', first)
    const shown = await shownStopped(second)
    expect(shown).toContain(TOO_LONG)
  })

  test.each(['0s', '8d', 'soon', '169h'])('of %s is refused', async (limit) => {
    expect(await client('pipeline', 'run', 'long', '--timeout', limit)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--timeout takes a time such as 30s or 5m, at most 168h'),
    })
  })
})

test('the binary carries the types of what a pipeline can call', async () => {
  const { code, out } = await fob(['pipeline', 'types'])
  expect({ code, out }).toEqual({ code: 0, out: types })
})
