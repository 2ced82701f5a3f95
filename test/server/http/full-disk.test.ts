/** A server whose disk is full: what it refuses, what still works, and what it says. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, afterAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { withAccounts } from '../../../src/server/administration/open-data-folder.ts'
import { openDiskSpace } from '../../../src/server/disk-space.ts'
import { missingSmallDisk, mountSmallDisk, type SmallDisk } from '../../support/real-parts/small-disk.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { until } from '../../support/servers/json-client.ts'
import { ADA } from '../../support/servers/server-with-accounts.ts'
import { localAccounts, startServer, type TestServer } from '../../support/servers/test-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

let disk: SmallDisk
let server: TestServer
let token: string

interface Reply {
  status: number
  body: Record<string, unknown>
}

async function ask(method: string, path: string, body?: unknown, headers = {}): Promise<Reply> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    body: text.startsWith('{') ? (JSON.parse(text) as Reply['body']) : { text },
  }
}

/** The write-ahead log has room of its own for a while. */
async function writeUntilRefused(): Promise<Reply> {
  for (let n = 0; n < 500; n++) {
    const reply = await ask('PUT', `/api/secrets/K${n}`, { value: 'x'.repeat(8000) })
    if (reply.status !== 200 && reply.status !== 201 && reply.status !== 204) return reply
  }
  throw new Error('nothing was refused')
}

/** Prints more than the disk holds once the gate is there. */
const GATE = join(temporaryFolder(), 'gate')
const NOISE = `export const pipeline = async () => {
  await runtime.run({ name: 'noise', image: '', command: { path: 'sh',
    args: ['-c', 'echo ready; until [ -e ${GATE} ]; do sleep 0.1; done; head -c 8000000 /dev/zero | tr "\\\\0" x; sleep 60'] } })
}`

beforeAll(async () => {
  if (missingSmallDisk !== undefined) return
  disk = mountSmallDisk(6)
  const dataDir = `${disk.folder}/data`
  await withAccounts({ dataDir, clock: systemClock, create: true }, async (accounts) => {
    await accounts.addLocal({ email: ADA.email, password: new Secret(ADA.password) })
  })
  server = await startServer({ strategy: localAccounts, dataDir })
  token = String((await ask('POST', '/api/auth/login', ADA)).body.token)
  const set = await ask('PUT', '/api/pipelines/noise', { source: NOISE, filename: 'noise.ts' })
  expect(set.status).toBeLessThan(300)
})
afterAll(() => server?.stop())

describe('on a full disk', () => {
  testWith(missingSmallDisk, 'a write is refused with 507 and words, and stores nothing', async () => {
    disk.fill()
    expect(await writeUntilRefused()).toEqual({
      status: 507,
      body: {
        error: 'insufficient_storage',
        message: 'the disk of the server is full: nothing was stored',
        hint: 'make room on the disk that holds the data of the server; nothing has to be restarted',
      },
    })
    expect(server.log()).not.toContain('"defect"')
  })

  testWith(missingSmallDisk, '/health is 503 and degraded, and /health/live stays 200', async () => {
    expect(await ask('GET', '/health')).toMatchObject({
      status: 503,
      body: { status: 'degraded', strategy: 'oauth', reason: 'the disk of the server is full' },
    })
    expect(await ask('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  testWith(missingSmallDisk, 'what is stored can be read, and a login gets the reason', async () => {
    expect((await ask('GET', '/api/pipelines/noise')).status).toBe(200)
    expect((await ask('GET', '/api/v1/profile')).status).toBe(200)
    const login = await ask('POST', '/api/auth/login', ADA)
    expect(login.status).toBe(507)
    const register = await ask('POST', '/oauth/register', { redirect_uris: ['http://127.0.0.1/cb'] })
    expect(register).toMatchObject({
      status: 507,
      body: {
        error: 'server_error',
        error_description: 'the disk of the server is full: nothing was stored',
      },
    })
  })

  testWith(missingSmallDisk, 'all works again as soon as there is room, without a restart', async () => {
    disk.makeRoom()
    await until(
      () => ask('GET', '/health'),
      ({ status }) => status === 200,
    )
    expect((await ask('PUT', '/api/secrets/AGAIN', { value: 'a-value' })).status).toBeLessThan(300)
    expect(server.log()).toContain('the disk has room again')
  })

  testWith(missingSmallDisk, 'a run ends with the reason, and who follows it is told at once', async () => {
    const { body } = await ask('POST', '/api/pipelines/noise/run', {})
    const id = String(body.run_id)
    const logOf = async () => String((await ask('GET', `/api/runs/${id}/log`)).body.text)
    await until(logOf, (text) => text.includes('ready'))
    disk.fill()
    await writeUntilRefused()
    writeFileSync(GATE, '')
    // Ends when the server gives the run up.
    const log = String((await ask('GET', `/api/runs/${id}/events`)).body.text)
    const last = [...log.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? '0'
    const again = await until(
      () => ask('GET', `/api/runs/${id}/events`, undefined, { 'last-event-id': last }),
      ({ status }) => status !== 200,
    )
    const words = 'the run has ended (failed), and that could not be recorded yet'
    expect(again).toMatchObject({ status: 507, body: { message: expect.stringContaining(words) } })
    expect((await ask('GET', `/api/runs/${id}`)).body).toMatchObject({
      status: 'running',
      message: expect.stringContaining(words),
    })
    Bun.spawnSync(['mount', '-o', 'remount,size=40m', disk.folder])
    const ended = await until(
      () => ask('GET', `/api/runs/${id}`),
      ({ body: run }) => run.status !== 'running',
    )
    expect(ended.body).toMatchObject({
      status: 'failed',
      message: 'the disk of the server is full: what the run did could not be stored',
    })
  })
})

const coded = (code: string) => Object.assign(new Error('no'), { code })

describe('the room on the disk', () => {
  test('is found to be used up by the code of an error, however deep, and of nothing else', () => {
    const lines: string[] = []
    const log = { info: (m: string) => lines.push(m), warn: () => {}, error: (m: string) => lines.push(m) }
    const space = openDiskSpace({ folders: ['/nowhere/at/all'], clock: systemClock, log })
    expect(space.note(coded('SQLITE_BUSY'))).toBe(false)
    expect(space.isFull()).toBe(false)
    for (const code of ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'SQLITE_IOERR_SHMSIZE']) {
      expect(space.note(new Error('outer', { cause: coded(code) }))).toBe(true)
    }
    expect(space.isFull()).toBe(true)
    expect(lines).toEqual(['the disk is full: nothing can be stored'])
    space.close()
  })
})
