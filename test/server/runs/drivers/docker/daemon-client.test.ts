/** Tasks in containers: isolation, limits, images, cleanup, and a daemon that goes away and comes back. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { Secret } from '../../../../../src/redact/secret.ts'
import type { Driver, TaskSpec } from '../../../../../src/server/runs/drivers/driver-interface.ts'
import {
  type DockerEngine,
  IMAGE,
  ISOLATED,
  missingDockerPart,
  sharedDockerEngine,
  startDockerEngine,
} from '../../../../support/real-parts/docker-engine.ts'
import { startImageRegistry } from '../../../../support/real-parts/image-registry.ts'
import { startCutProxy } from '../../../../support/hostile/cut-socket-proxy.ts'
import { testWith } from '../../../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../../../support/temporary.ts'
import { openDockerDriver } from '../docker-world.ts'
import { collect, failure, NEVER, plainSpec, type Ran, runToEnd, until } from '../fixture.ts'

const missing = missingDockerPart()
const it = (title: string, body: (daemon: DockerEngine) => Promise<void>) =>
  testWith(missing, title, async () => body(await sharedDockerEngine()), 90_000)

let runs = 0
const newRun = () => `run_own_${process.pid}_${++runs}`

function taskOf(command: string | string[], more: Partial<TaskSpec> = {}): TaskSpec {
  return { ...plainSpec({ image: IMAGE }, command), runId: newRun(), ...more }
}

async function run(
  driver: Driver,
  command: string | string[],
  more: Partial<TaskSpec> = {},
  signal = NEVER,
): Promise<Ran> {
  const { sinks, text } = collect()
  const started = performance.now()
  const end = await runToEnd(driver, taskOf(command, more), sinks, signal)
  return { ...end, ...text(), ms: performance.now() - started }
}

const inspected = v.looseObject({
  Path: v.string(),
  Args: v.array(v.string()),
  Config: v.looseObject({
    Env: v.array(v.string()),
    Labels: v.record(v.string(), v.string()),
    Cmd: v.nullish(v.array(v.string())),
    Entrypoint: v.nullish(v.array(v.string())),
  }),
  HostConfig: v.looseObject({}),
  Mounts: v.array(v.looseObject({})),
})

/** What `docker inspect` shows of the one container that is labelled so. */
async function inspect(daemon: DockerEngine, label: string) {
  const [name = ''] = await daemon.containersWith(label)
  return v.parse(inspected, await daemon.get(`/containers${name}/json`))
}

describe('a task in a container', () => {
  it('is given nothing of the machine, and little of root’s power', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host, { network: ISOLATED })
    const runId = newRun()
    await driver.createVolume(runId, 'v')
    const env = { TOKEN: new Secret('s3cret-value') }
    const limits = { memoryBytes: 64 * 1024 * 1024, cpus: 0.5, processes: 20 }
    const command = 'grep -E "CapEff|NoNewPrivs" /proc/self/status; ls /sys/class/net; cat /proc/1/comm'
    const mounts = [{ path: '/data', volume: 'v' }]
    const ran = await run(driver, command, { runId, env, limits, mounts, timeoutMs: 60_000 })
    expect(ran.status).toBe('success')
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE, AUDIT_WRITE, SETFCAP
    expect(ran.stdout).toContain('CapEff:\t00000000a00004fb\n')
    expect(ran.stdout).toContain('NoNewPrivs:\t1\n')
    expect(ran.stdout).toEndWith('lo\ndocker-init\n')

    const shown = await inspect(daemon, `fob.run=${runId}`)
    expect(shown.Config.Env).toContain('TOKEN=s3cret-value')
    expect(JSON.stringify([shown.Path, shown.Args, shown.Config.Cmd, shown.Config.Entrypoint])).not.toContain(
      's3cret',
    )
    expect(JSON.stringify(shown.Config.Labels)).not.toContain('s3cret')
    expect(shown.HostConfig).toMatchObject({
      Privileged: false,
      Binds: null,
      NetworkMode: 'none',
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
      NanoCpus: 5e8,
      PidsLimit: 20,
      SecurityOpt: ['no-new-privileges'],
      Init: true,
    })
    expect(shown.Mounts).toMatchObject([{ Type: 'volume', Destination: '/data' }])
    expect(shown.Config.Labels).toMatchObject({ 'fob.run': runId, 'fob.task': '1', 'fob.kind': 'task' })
    expect(Number(shown.Config.Labels['fob.deadline'])).toBeGreaterThan(Date.now() - 60_000)
    await driver.cleanUp(runId)
  })

  it('that takes too much memory is killed, and its log says why', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const ran = await run(driver, ['tail', '/dev/zero'], { limits: { memoryBytes: 16 * 1024 * 1024 } })
    expect(ran).toMatchObject({
      status: 'failure',
      code: 137,
      stderr: 'the task ran out of memory: its limit is 16 MiB\n',
    })
  })

  it('starts no more processes than it may', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all'
    expect((await run(driver, script, { limits: { processes: 6 } })).stdout).toBe('')
    expect((await run(driver, script)).stdout).toBe('all\n')
  })

  it('of another user can write to its own folder and to its volumes', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const runId = newRun()
    await driver.createVolume(runId, 'v')
    const mounts = [{ path: 'v', volume: 'v' }]
    const command = { path: 'sh', args: ['-c', 'id -un; touch mine v/ours && ls'], user: 'ada' }
    expect(await run(driver, '', { runId, mounts, command })).toMatchObject({
      code: 0,
      stdout: 'ada\nmine\nv\n',
    })
    const stranger = { path: 'true', args: [], user: 'nobody-here' }
    const ran = await run(driver, '', { runId, number: 2, command: stranger })
    expect(ran).toMatchObject({ status: 'error', code: 125 })
    expect(ran.stderr).toContain('nobody-here')
    await driver.cleanUp(runId)
  })

  it('can work anywhere in its image', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    expect((await run(driver, 'pwd; ls', { workDir: '/etc' })).stdout).toStartWith('/etc\ngroup\n')
  })

  it('that closes its output goes on, and its end is waited for', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const ran = await run(driver, 'echo said; exec >&- 2>&-; sleep 4; exit 5')
    expect(ran).toMatchObject({ status: 'failure', code: 5, stdout: 'said\n' })
  })

  it('needs an image', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    expect(String(await failure(run(driver, 'true', { image: undefined })))).toContain('needs an image')
  })

  it('does not begin on a network that the daemon does not have', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host, { network: 'nowhere' })
    const ran = await run(driver, 'true')
    expect(ran).toMatchObject({ status: 'error', code: 125 })
    expect(ran.stderr).toContain('nowhere')
  })

  it('in a sandbox, that hides and is deaf, is ended all the same, and the files stay', async (daemon) => {
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const runId = newRun()
    await driver.openSandbox(taskOf('true', { runId }), NEVER)
    const exec = (command: string, more: Partial<TaskSpec> = {}) =>
      run(driver, command, { runId, sandbox: 1, ...more })
    const hidden = `env -i /bin/sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done'`
    const ran = await exec(`touch kept; exec ${hidden}`, { number: 2, timeoutMs: 1500 })
    expect(ran).toMatchObject({ status: 'abort', stdout: 'up\n' })
    expect((await exec('ls; ps', { number: 3 })).stdout).toMatch(/^kept\n(?:(?!trap).)*$/s)
    await driver.cleanUp(runId)
  })
})

/** The file system of the daemon's own image, as a tar archive. */
async function layer(daemon: DockerEngine): Promise<Uint8Array<ArrayBuffer>> {
  const folder = temporaryFolder()
  const id = (await daemon.docker('create', '--network', 'none', IMAGE)).trim()
  await daemon.docker('export', '-o', join(folder, 'layer.tar'), id)
  await daemon.docker('rm', id)
  return new Uint8Array(readFileSync(join(folder, 'layer.tar')))
}

describe('an image', () => {
  it('is pulled once for all that wait for it, its log says so, and its own user counts', async (daemon) => {
    const registry = startImageRegistry(await layer(daemon))
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    const { image } = registry
    try {
      const ran = await Promise.all([1, 2].map(() => run(driver, 'id -un; touch mine', { image })))
      for (const { code, stdout, stderr } of ran) {
        expect([code, stdout]).toEqual([0, 'ada\n'])
        expect(stderr.startsWith(`Pulling ${image}\n`)).toBe(true)
        expect(stderr).toMatch(/\nPulled .* in \d+\.\d s\n$/)
        expect(stderr.split('\n').length).toBeLessThan(10)
      }
      const pulls = registry.pulls()
      expect((await run(driver, 'true', { image })).stderr).toBe('')
      expect(registry.pulls()).toBe(pulls)
      const always = openDockerDriver(temporaryFolder(), daemon.host, { pull: 'always' })
      expect((await run(always, 'true', { image })).stderr).toContain('Pulled')
      expect(registry.pulls()).toBeGreaterThan(pulls)
    } finally {
      await registry.stop()
    }
  })

  it('that is still being pulled when the task is stopped holds nobody', async (daemon) => {
    const held = Promise.withResolvers<void>()
    const registry = startImageRegistry(new Uint8Array(10_240), held.promise)
    const driver = openDockerDriver(temporaryFolder(), daemon.host)
    try {
      const controller = new AbortController()
      const running = run(driver, 'true', { image: registry.image }, controller.signal)
      await until(() => registry.pulls() > 0)
      controller.abort()
      expect(await running).toMatchObject({ status: 'abort' })
    } finally {
      held.resolve()
      await registry.stop()
    }
  })

  for (const [what, image, pull, says] of [
    ['that its registry does not have', '/things/other:1', 'missing', 'cannot pull'],
    ['whose registry is not there', '127.0.0.1:9/x:1', 'missing', 'cannot pull'],
    ['that may not be pulled', 'not-here:1', 'never', 'the daemon has no image not-here:1'],
    ['whose name is none', '../containers/json', 'missing', 'is not the name of an image'],
    ['whose name holds a query', 'busybox?x=1', 'missing', 'is not the name of an image'],
  ] as const) {
    it(`${what} is an error of the task`, async (daemon) => {
      const registry = startImageRegistry(new Uint8Array(0))
      const driver = openDockerDriver(temporaryFolder(), daemon.host, { pull })
      const name = image.startsWith('/') ? registry.image.replace(/\/.*/, image) : image
      const ran = await run(driver, 'true', { image: name })
      await registry.stop()
      expect(ran).toMatchObject({ status: 'error', code: 125, stdout: '' })
      expect(ran.stderr).toContain(says)
    })
  }
})

/** By the daemon's clock, which is not ours: an hour ahead. */
const at = (seconds: number) => new Date(Date.now() + 3_600_000 + seconds * 1000).toISOString()

test('a task that took longer than it might while no server was there has not succeeded', async () => {
  const folder = temporaryFolder()
  for (const [took, status] of [
    [4, 'success'],
    [6, 'abort'],
  ] as const) {
    const State = { Status: 'exited', Running: false, OOMKilled: false, ExitCode: 0 }
    const container = {
      Id: 'abc',
      State: { ...State, StartedAt: at(0), FinishedAt: at(took) },
      Config: { Labels: { 'fob.timeout': '5000', 'fob.deadline': String(Date.now() + 60_000) } },
      HostConfig: { Memory: 0 },
    }
    const socket = join(temporaryFolder(), 'engine.sock')
    const server = Bun.serve({
      unix: socket,
      fetch: ({ url }) => {
        if (url.endsWith('/_ping')) return new Response('OK', { headers: { 'api-version': '1.41' } })
        if (url.includes('/containers/json')) return Response.json([{ ...container, State: 'exited' }])
        if (url.includes('/abc/json')) return Response.json(container)
        return url.includes('/wait') ? Response.json({ StatusCode: 0 }) : new Response('')
      },
    })
    const { sinks } = collect()
    const driver = openDockerDriver(folder, `unix://${socket}`)
    expect(await driver.reattach({ runId: 'run_1', number: 1 }, sinks, NEVER)).toEqual({ status, code: 0 })
    await driver.close()
    await server.stop(true)
  }
})

describe('what is left on the daemon', () => {
  it('is removed by the server whose it is, and by no other', async (daemon) => {
    const [mine, other] = [temporaryFolder(), temporaryFolder()]
    const drivers = [mine, other].map((folder) => openDockerDriver(folder, daemon.host))
    const places = [newRun(), newRun()]
    for (const [index, driver] of drivers.entries()) {
      const runId = places[index] ?? ''
      await driver.createVolume(runId, 'v')
      await driver.openSandbox(taskOf('true', { runId }), NEVER)
    }
    await openDockerDriver(mine, daemon.host).sweep(new Set())
    const [left, volumes] = [await daemon.containersWith('fob.run'), await daemon.volumesWith('fob.run')]
    expect(left.join()).not.toContain(places[0] ?? '?')
    expect(left.join()).toContain(places[1] ?? '?')
    expect(volumes.join()).toContain(places[1] ?? '?')
    await drivers[1]?.sweep(new Set())
    expect((await daemon.volumesWith('fob.run')).join()).not.toContain(places[1] ?? '?')
  })

  test('is not looked for by a server that has never used one, and no daemon keeps none from starting', async () => {
    const folder = temporaryFolder()
    const lines: string[] = []
    const open = () =>
      openDockerDriver(folder, 'unix:///nowhere/docker.sock', { log: (line) => void lines.push(line) })
    await open().sweep(new Set())
    await open().cleanUp('run_1')
    expect([lines, existsSync(join(folder, 'docker-id'))]).toEqual([[], false])
    await failure(open().createVolume('run_1', 'v'))
    await open().sweep(new Set())
    expect(lines.join()).toContain('cannot reach the Docker daemon')
  })
})

const COUNT = 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.05; done; exit 4'
const counted = (to: number) => Array.from({ length: to }, (_, index) => `${index + 1}\n`).join('')

describe('a daemon that goes away', () => {
  it('and comes back while its tasks go on: none is lost, and no line lost or doubled', async (daemon) => {
    const socket = join(temporaryFolder(), 'cut.sock')
    const proxy = await startCutProxy(socket, daemon.socket)
    const driver = openDockerDriver(temporaryFolder(), `unix://${socket}`)
    const { sinks, text } = collect()
    const spec = taskOf(COUNT)
    const running = driver.run(spec, sinks, NEVER)
    await until(() => text().stdout.includes('\n7\n'))
    await proxy.cut()
    await proxy.mend()
    await until(() => text().stdout.includes('\n30\n'))
    await proxy.cut()
    await proxy.mend()
    expect(await running).toEqual({ status: 'failure', code: 4 })
    expect(text().stdout).toBe(counted(60))
    await driver.cleanUp(spec.runId)
    await proxy.cut()
  })

  it('for good: the task is given up, and the error says where it was', async (daemon) => {
    const folder = temporaryFolder()
    const socket = join(folder, 'cut.sock')
    const proxy = await startCutProxy(socket, daemon.socket)
    const driver = openDockerDriver(folder, `unix://${socket}`, { patienceMs: 700 })
    const { sinks, text } = collect()
    const spec = taskOf('echo up; sleep 60')
    const running = failure(driver.run(spec, sinks, NEVER))
    await until(() => text().stdout !== '')
    await proxy.cut()
    const error = await running
    expect(error).toMatchObject({ code: 'unreachable', hint: expect.stringContaining('DOCKER_HOST') })
    expect(String(error)).toContain(
      `cannot reach the Docker daemon at unix://${socket}: there is no such socket`,
    )
    expect(await failure(run(driver, 'true'))).toMatchObject({ code: 'unreachable' })
    await openDockerDriver(folder, daemon.host).cleanUp(spec.runId)
    expect(await daemon.containersWith(`fob.run=${spec.runId}`)).toEqual([])
  })

  it('and is not yet there when the next server takes up its tasks is waited for', async (daemon) => {
    const folder = temporaryFolder()
    const socket = join(folder, 'cut.sock')
    const proxy = await startCutProxy(socket, daemon.socket)
    const before = openDockerDriver(folder, `unix://${socket}`)
    const { sinks, text } = collect()
    const spec = taskOf('echo up; sleep 1; echo done; exit 6', { timeoutMs: 60_000 })
    const said = Promise.withResolvers<void>()
    const stdout = async () => {
      said.resolve()
      await new Promise(() => {})
    }
    void before.run(spec, { ...sinks, stdout }, NEVER)
    await said.promise
    await proxy.cut()
    const lines: string[] = []
    const next = openDockerDriver(folder, `unix://${socket}`, { log: (line) => void lines.push(line) })
    await next.sweep(new Set([spec.runId]))
    expect(lines.join()).toContain('cannot reach the Docker daemon')
    const taking = next.reattach(spec, sinks, NEVER)
    await proxy.mend()
    expect(await taking).toEqual({ status: 'failure', code: 6 })
    expect(text().stdout).toBe('up\ndone\n')
    await next.cleanUp(spec.runId)
    await proxy.cut()
  })

  it('while a task is to be ended ends it when it is back', async (daemon) => {
    const socket = join(temporaryFolder(), 'cut.sock')
    const proxy = await startCutProxy(socket, daemon.socket)
    const driver = openDockerDriver(temporaryFolder(), `unix://${socket}`)
    const { sinks, text } = collect()
    const controller = new AbortController()
    const spec = taskOf('echo up; sleep 60')
    const running = driver.run(spec, sinks, controller.signal)
    await until(() => text().stdout !== '')
    await proxy.cut()
    controller.abort()
    await until(() => !existsSync(socket))
    await proxy.mend()
    expect(await running).toMatchObject({ status: 'abort' })
    await driver.cleanUp(spec.runId)
    await proxy.cut()
  })

  testWith(
    missing,
    'and takes its tasks with it: they have failed, with all that they said',
    async () => {
      const daemon = await startDockerEngine()
      const driver = openDockerDriver(temporaryFolder(), daemon.host)
      const { sinks, text } = collect()
      const spec = taskOf('i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done')
      const running = driver.run(spec, sinks, NEVER)
      await until(() => text().stdout.includes('\n5\n'))
      await daemon.stop()
      await daemon.start()
      expect((await running)?.status).toBe('failure')
      expect(text().stdout).toBe(counted(text().stdout.trim().split('\n').length))
      expect((await run(driver, 'echo again')).stdout).toBe('again\n')
      await driver.cleanUp(spec.runId)
      await daemon.stop()
    },
    90_000,
  )
})
