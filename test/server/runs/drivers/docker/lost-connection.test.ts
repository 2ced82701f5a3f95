/** Docker daemons that are missing, silent, malformed or behind TLS: errors with the endpoint and a next step. */
import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import {
  createDaemonClient,
  DaemonError,
} from '../../../../../src/server/runs/drivers/docker/daemon-client.ts'
import { hijack } from '../../../../../src/server/runs/drivers/docker/hijacked-connection.ts'
import { createProgress } from '../../../../../src/server/runs/drivers/docker/pull-progress.ts'
import { createDockerDriver } from '../../../../../src/server/runs/drivers/docker/docker-driver.ts'
import { systemClock } from '../../../../../src/platform/clock.ts'
import { jsonLog } from '../../../../../src/server/log.ts'
import { makeCertificates } from '../../../../support/real-parts/certificates.ts'
import { IMAGE, missingDockerPart, startDockerEngine } from '../../../../support/real-parts/docker-engine.ts'
import { manualClock } from '../../../../support/manual-clock.ts'
import { testWith } from '../../../../support/real-parts/skip-without-part.ts'
import { freePort } from '../../../../support/free-port.ts'
import { temporaryFolder } from '../../../../support/temporary.ts'
import { openDockerDriver } from '../docker-world.ts'
import { collect, failure, NEVER, plainSpec } from '../fixture.ts'

const engineAt = (host: string, env: Record<string, string> = {}) => createDaemonClient({ host, env })

/** Something that answers on a socket as a daemon of that version would. */
function fakeEngine(
  version: string | undefined,
  answer: (path: string) => Response = () => new Response('{}'),
) {
  const socket = join(temporaryFolder(), 'engine.sock')
  const paths: string[] = []
  const server = Bun.serve({
    unix: socket,
    fetch(request) {
      const { pathname } = new URL(request.url)
      paths.push(pathname)
      if (pathname !== '/_ping') return answer(pathname)
      return new Response('OK', { headers: version === undefined ? {} : { 'api-version': version } })
    },
  })
  return { host: `unix://${socket}`, paths, [Symbol.asyncDispose]: () => server.stop(true) }
}

describe('a daemon', () => {
  test.each([
    ['1.41', '1.41'],
    ['1.44', '1.44'],
    ['1.52', '1.47'],
    ['1.100', '1.47'],
  ])('that speaks %s is spoken to in %s', async (offered, spoken) => {
    await using fake = fakeEngine(offered)
    await engineAt(fake.host).send({ method: 'GET', path: '/info' })
    expect(fake.paths).toEqual(['/_ping', `/v${spoken}/info`])
  })

  test.each([
    ['is too old', '1.40', 'is too old: API 1.40'],
    ['does not say what it speaks', undefined, 'is not a Docker daemon'],
    ['says something else', '2.0', 'is not a Docker daemon'],
  ])('that %s is not used', async (_, version, says) => {
    await using fake = fakeEngine(version)
    expect(await failure(engineAt(fake.host).reach())).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(says),
    })
  })

  test('that is not there: the error names its socket, and what to do', async () => {
    const socket = join(temporaryFolder(), 'engine.sock')
    expect(await failure(engineAt(`unix://${socket}`).reach())).toMatchObject({
      code: 'unreachable',
      message: `cannot reach the Docker daemon at unix://${socket}: there is no such socket`,
      hint: 'start the daemon, or set DOCKER_HOST or --docker-host',
    })
    writeFileSync(socket, '')
    expect(await failure(engineAt(`unix://${socket}`).reach())).toMatchObject({
      message: expect.stringContaining('nobody listens there'),
    })
    expect(await failure(engineAt('tcp://127.0.0.1:9').reach())).toMatchObject({
      message: 'cannot reach the Docker daemon at tcp://127.0.0.1:9: nobody listens there',
    })
  })

  test.each([
    ['its words', () => Response.json({ message: 'no such thing' }, { status: 404 }), 404, 'no such thing'],
    ['no words', () => new Response('<html>', { status: 500 }), 500, 'the daemon gave no reason'],
    ['what is not asked for', () => new Response('{"Id":7}'), 200, 'is not understood'],
  ])('that answers with %s is quoted', async (_, answer, status, says) => {
    await using fake = fakeEngine('1.41', answer)
    const request = { method: 'GET', path: '/x' } as const
    const error = await failure(engineAt(fake.host).json(request, v.object({ Id: v.string() })))
    expect(error).toBeInstanceOf(DaemonError)
    expect(error).toMatchObject({ status, message: expect.stringContaining(says) })
  })

  test('that refuses to hand its connection over is quoted too', async () => {
    await using fake = fakeEngine('1.41', () => Response.json({ message: 'gone away' }, { status: 409 }))
    const error = await failure(engineAt(fake.host).hijack({ method: 'POST', path: '/x' }))
    expect(error).toMatchObject({ status: 409, message: 'gone away' })
  })

  test('that answers with no HTTP, or never, holds nobody for good', async () => {
    const socket = join(temporaryFolder(), 'engine.sock')
    const server = createServer((client) => void client.end('SSH-2.0-x\r\n\r\n')).listen(socket)
    expect(await failure(engineAt(`unix://${socket}`).reach())).toMatchObject({ code: 'unreachable' })
    server.close()
    const controller = new AbortController()
    await using fake = fakeEngine('1.41', () => new Response(new ReadableStream()))
    const daemon = engineAt(fake.host)
    await daemon.reach()
    const asking = failure(daemon.send({ method: 'GET', path: '/x', signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect(await asking).toBeInstanceOf(Error)
  })

  const missing = missingDockerPart() ?? (Bun.which('openssl') === null ? 'openssl' : undefined)
  testWith(
    missing,
    'over TCP is used with TLS, which both ends prove, and not without',
    async () => {
      const folder = temporaryFolder()
      await makeCertificates(folder)
      const port = freePort()
      const pem = (name: string) => join(folder, `${name}.pem`)
      const tls = [
        '--tlsverify',
        `--tlscacert=${pem('ca')}`,
        `--tlscert=${pem('cert')}`,
        `--tlskey=${pem('key')}`,
      ]
      const daemon = await startDockerEngine([`--host=tcp://127.0.0.1:${port}`, ...tls])
      const host = `tcp://127.0.0.1:${port}`
      const env = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }
      const driver = openDockerDriver(temporaryFolder(), host, { env })
      const { sinks, text } = collect()
      const spec = {
        ...plainSpec({ image: IMAGE }, 'cat; seq 1 50000'),
        runId: 'run_tls',
        stdin: 'over TLS\n',
      }
      expect(await driver.run(spec, sinks, NEVER)).toEqual({ status: 'success', code: 0 })
      expect(text().stdout).toStartWith('over TLS\n1\n2\n')
      expect(text().stdout).toEndWith('\n49999\n50000\n')
      await driver.cleanUp('run_tls')

      const stranger = temporaryFolder()
      await makeCertificates(stranger)
      for (const wrong of [stranger, temporaryFolder()]) {
        const other = engineAt(host, { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: wrong })
        expect(await failure(other.reach())).toMatchObject({ code: 'unreachable' })
      }
      const tlsOf = { ca: readFileSync(join(stranger, 'ca.pem'), 'utf8'), cert: undefined, key: undefined }
      const endpoint = { name: host, origin: `https://127.0.0.1:${port}`, socket: undefined, tls: tlsOf }
      const request = { target: '/v1.41/containers/x/attach', body: '', signal: undefined }
      expect(await failure(hijack(endpoint, request))).toMatchObject({
        code: expect.stringMatching(/CERT|SIGN/),
      })
      expect(await failure(engineAt(host).reach())).toMatchObject({ code: 'unreachable' })
      await daemon.stop()
    },
    90_000,
  )
})

test('the progress of a pull is a few lines, whatever the daemon sends', async () => {
  const clock = manualClock()
  const lines: string[] = []
  const progress = createProgress('tool:1', clock, (line) => void lines.push(line))
  progress.add({ status: 'Pulling from things/tool', id: '1' })
  progress.add({ status: 'Already exists', id: 'a' })
  for (let second = 0; second < 1800; second++) {
    await clock.advance(1000)
    const current = second * 1024 * 1024
    for (let of = 0; of < 10; of++) {
      progress.add({ status: 'Downloading', id: 'b', progressDetail: { current, total: 1800 * 1024 * 1024 } })
    }
  }
  progress.add({ status: 'Pull complete', id: 'b' })
  progress.end()
  expect(lines[0]).toBe('Pulling tool:1: 1 of 2 layers, 1.0 of 1800.0 MiB')
  expect(lines.at(-1)).toBe('Pulled tool:1 in 1800.0 s')
  expect(lines.length).toBeLessThan(40)
})

test('a driver of a daemon that nobody can reach says so when it is asked', async () => {
  const settings = { host: 'ssh://x', network: 'none', pull: 'missing', env: {} } as const
  const log = jsonLog(() => {}, Date.now)
  const driver = createDockerDriver({ settings, dataDir: temporaryFolder(), clock: systemClock, log })
  expect(await failure(driver.ready?.(NEVER) ?? Promise.resolve())).toMatchObject({
    code: 'config',
    hint: expect.stringContaining('forward its socket'),
  })
})
