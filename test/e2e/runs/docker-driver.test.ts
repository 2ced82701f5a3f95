/** Pipelines on the Docker driver: secrets, volumes, sandboxes, failures, and tasks that outlive their server. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type DockerEngine,
  IMAGE,
  missingDockerPart,
  NETWORK,
  sharedDockerEngine,
} from '../../support/real-parts/docker-engine.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { knownServerId } from '../../../src/server/runs/drivers/docker/ownership-labels.ts'
import { until } from '../../support/servers/json-client.ts'
import { freePort } from '../../support/free-port.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const missing = missingDockerPart()
const isHere = missing === undefined
const it = (title: string, body: () => Promise<void>) => testWith(missing, title, body, 90_000)
const SECRET = 'canary-5b1f-token'

const folder = temporaryFolder()
mkdirSync(join(folder, 'scripts'))
let engine: DockerEngine
let server: Running
let url = ''

async function startServer(...flags: string[]): Promise<Running> {
  const port = freePort()
  url = `http://127.0.0.1:${port}`
  const running = start(
    [
      'server',
      `--listen=127.0.0.1:${port}`,
      `--data=${join(folder, 'data')}`,
      `--secrets-key-file=${vaultKeyFile(folder)}`,
      ...flags,
    ],
    { cwd: folder, env: isHere && engine !== undefined ? { DOCKER_HOST: engine.host } : {} },
  )
  await running.saw('"listening"')
  return running
}

const client = (args: string[], stdin?: string) =>
  fob([...args, '-s', url], { cwd: folder, ...(stdin === undefined ? {} : { stdin }) })

/** Uploads a pipeline whose body is `body` for the docker driver, and runs it. */
async function run(name: string, body: string, more: string[] = []) {
  const file = join(folder, 'scripts', `${name}.ts`)
  writeFileSync(file, `const pipeline = async () => {\n${body}\n}\nexport { pipeline }\n`)
  const set = await client(['pipeline', 'set', file, '--driver', 'docker', ...more])
  expect([set.code, set.err]).toEqual([0, expect.stringContaining(`Set pipeline ${name}`)])
  return await client(['pipeline', 'run', name])
}

/** What the daemon has of this server. */
const ours = () => `fob.server=${knownServerId(join(folder, 'data'))}`

const sh = (script: string) => `{ path: 'sh', args: ['-c', ${JSON.stringify(script)}] }`

describe('a pipeline on the docker driver, by the binary', () => {
  beforeAll(async () => {
    if (!isHere) return
    engine = await sharedDockerEngine()
    server = await startServer('--docker-network', NETWORK)
  }, 90_000)
  afterAll(async () => {
    if (!isHere) return
    server.child.kill('SIGINT')
    await server.ended
  }, 60_000)

  it('S58, S60: finds its secret in its environment, and nobody finds it in the log', async () => {
    const body = `
      const result = await runtime.run({
        name: 'hello',
        image: '${IMAGE}',
        command: ${sh('echo "token $TOKEN of $(id -un)"; echo "$TOKEN" | base64 >&2; pwd')},
        env: { TOKEN: 'secret:TOKEN', PLAIN: 'x' },
      })
      console.log('code', result.code, result.stdout)`
    const ended = await run('hello', body, ['-e', `TOKEN=${SECRET}`])
    expect(ended.code).toBe(0)
    expect(ended.out).toContain('token ***REDACTED*** of root')
    expect(ended.out).toContain('code 0 token ***REDACTED*** of root\n/task\n')
    const all = ended.out + ended.err + server.err()
    expect(all).not.toContain(SECRET)
    expect(all).not.toContain(Buffer.from(SECRET).toString('base64').slice(0, 12))
    // The run is over, and so is all that it had on the engine.
    expect(await engine.containersWith(ours())).toEqual([])
  })

  it('hands files from one task to the next by a volume', async () => {
    const body = `
      const workspace = volumes.create({ name: 'workspace' })
      await runtime.run({ name: 'write', image: '${IMAGE}', command: ${sh('echo made > workspace/file')}, mounts: { workspace } })
      await runtime.run({ name: 'read', image: '${IMAGE}', command: ${sh('cat /elsewhere/file')}, mounts: { '/elsewhere': workspace } })`
    const ended = await run('volumes', body)
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('made\n')])
    expect(await engine.volumesWith(ours())).toEqual([])
  })

  it('a sandbox keeps its files from one command to the next, and tells exit code 2', async () => {
    const body = `
      const sandbox = await runtime.startSandbox({ name: 'box', image: '${IMAGE}', env: { KIND: 'box' } })
      await sandbox.exec({ name: 'first', command: ${sh('echo $KIND > file')} })
      const second = await sandbox.exec({ name: 'second', command: ${sh('cat file; exit 2')} })
      await sandbox.close()
      console.log('second', second.code, second.status, second.stdout)`
    const ended = await run('sandbox', body)
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('second 2 failure box\n')])
  })

  it('a task out of memory, one out of time and one with no such image say so', async () => {
    const body = `
      const image = '${IMAGE}'
      const big = await runtime.run({ name: 'big', image, command: { path: 'tail', args: ['/dev/zero'] }, limits: { memory: '16m' } })
      const slow = await runtime.run({ name: 'slow', image, command: ${sh('sleep 60')}, timeout: '1s' })
      const none = await runtime.run({ name: 'none', image: '127.0.0.1:9/none:1', command: ${sh('true')} })
      console.log(big.status, big.code, slow.status, none.status, none.code)`
    const ended = await run('ends', body)
    expect(ended.out).toContain('failure 137 abort error 125\n')
    expect(ended.out + ended.err).toContain('the task ran out of memory: its limit is 16 MiB')
    expect(ended.out + ended.err).toContain('cannot pull 127.0.0.1:9/none:1')
  })

  it('a task of a killed server continues, and the next server loses and repeats no line of it', async () => {
    const count = 'i=0; while [ $i -lt 80 ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done; exit 3'
    const body = `
      const result = await runtime.run({ name: 'count', image: '${IMAGE}', command: ${sh(count)} })
      console.log('ended', result.status, result.code)`
    const file = join(folder, 'scripts', 'count.ts')
    writeFileSync(file, `const pipeline = async () => {\n${body}\n}\nexport { pipeline }\n`)
    expect((await client(['pipeline', 'set', file, '--driver', 'docker'])).code).toBe(0)
    const answer = await fetch(`${url}/api/pipelines/count/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    const { run_id: id } = (await answer.json()) as { run_id: string }
    const log = async () => await (await fetch(`${url}/api/runs/${id}/log`)).text()
    await until(log, (text) => text.includes('line 10\n'))
    server.child.kill('SIGKILL')
    await server.ended
    server = await startServer('--docker-network', NETWORK)
    await until(log, (text) => text.includes('ended'))
    const lines = Array.from({ length: 80 }, (_, index) => `line ${index + 1}\n`).join('')
    expect((await client(['runs', 'logs', id])).out).toBe(`${lines}ended failure 3\n`)
    expect(await engine.containersWith(ours())).toEqual([])
  })

  it('is what a pipeline that is set again stays on', async () => {
    const file = join(folder, 'again.ts')
    writeFileSync(file, 'const pipeline = async () => {}\nexport { pipeline }\n')
    await client(['pipeline', 'set', file, '--driver', 'docker'])
    await client(['pipeline', 'set', file])
    expect((await client(['pipeline', 'show', 'again'])).out).toContain('driver\tdocker\n')
    await client(['pipeline', 'set', file, '--driver', 'native'])
    expect((await client(['pipeline', 'show', 'again'])).out).toContain('driver\tnative\n')
  })

  it('without an image, the run fails with a word of why', async () => {
    const ended = await run('bare', `await runtime.run({ name: 'x', command: ${sh('true')} })`)
    expect([ended.code, ended.err]).toEqual([
      1,
      expect.stringContaining('a task of the docker driver needs an image'),
    ])
  })
})

describe('a server whose driver is docker', () => {
  testWith(
    undefined,
    'starts without an engine, and says at once what is missing when one is needed',
    async () => {
      const running = await startServer('--docker-host', 'unix:///nowhere/docker.sock', '--drivers', 'docker')
      const file = join(folder, 'any.ts')
      writeFileSync(file, 'const pipeline = async () => {}\nexport { pipeline }\n')
      const set = await client(['pipeline', 'set', file])
      expect(set.code).not.toBe(0)
      expect(set.err).toContain(
        'cannot reach the Docker daemon at unix:///nowhere/docker.sock: there is no such socket',
      )
      const other = await client(['pipeline', 'set', file, '--driver', 'podman'])
      expect([other.code, other.err]).toEqual([2, 'fob: --driver takes native or docker\n'])
      const native = await client(['pipeline', 'set', file, '--driver', 'native'])
      expect([native.code, native.err]).toEqual([
        2,
        expect.stringContaining('this server has no driver "native"'),
      ])
      running.child.kill('SIGINT')
      await running.ended
    },
  )
})
