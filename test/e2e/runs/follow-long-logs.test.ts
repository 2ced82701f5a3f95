/** Followed logs over killed servers, long silences and endless output: no line lost or repeated. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FOB, fob, start } from '../../support/client/compiled-binary.ts'
import { until } from '../../support/servers/json-client.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

interface Server {
  url: string
  child: Bun.Subprocess
  /** As the system would when it has no memory left. */
  kill(): Promise<void>
  /** Another one in its place. */
  again(): Promise<Server>
}

const servers = new Set<Server>()
afterEach(async () => {
  for (const { child } of servers) {
    child.kill('SIGINT')
    await child.exited
  }
  servers.clear()
})

/** A server that lets everybody in, on a port of its own. */
async function startServer(
  flags: string[] = [],
  at = { port: freePort(), data: join(temporaryFolder(), 'data') },
): Promise<Server> {
  const { port, data } = at
  const child = Bun.spawn([FOB, 'server', '--listen', `127.0.0.1:${port}`, '--data', data, ...flags], {
    cwd: '/',
    env: { PATH: process.env.PATH ?? '', FOB_HOME: temporaryFolder() },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const server: Server = {
    url: `http://127.0.0.1:${port}`,
    child,
    kill: async () => {
      servers.delete(server)
      child.kill('SIGKILL')
      await child.exited
    },
    again: () => startServer(flags, at),
  }
  servers.add(server)
  await saying(child.stderr, '"listening"')
  return server
}

/** Resolves when it was said. What is said then is read too, so that the pipe is never full. */
async function saying(stream: ReadableStream<Uint8Array>, words: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const read = async () => {
    let said = ''
    for await (const chunk of stream) {
      said = `${said}${Buffer.from(chunk).toString()}`.slice(-10_000)
      if (said.includes(words)) resolve()
    }
    reject(new Error(`the server has ended: ${said}`))
  }
  void read()
  await promise
}

/** Begins a run of one task. */
async function run({ url }: Server, script: string): Promise<string> {
  const path = join(temporaryFolder(), 'long.ts')
  const task = { name: 'task', image: 'busybox', command: { path: 'sh', args: ['-c', script] } }
  writeFileSync(path, `export const pipeline = async () => { await runtime.run(${JSON.stringify(task)}) }\n`)
  expect(await fob(['pipeline', 'set', path, '-s', url])).toMatchObject({ code: 0 })
  const { out } = await fob(['pipeline', 'run', 'long', '--detach', '-o', 'json', '-s', url])
  return /run_[0-9a-f]{32}/.exec(out)?.[0] ?? ''
}

const statusOf = async ({ url }: Server, runId: string) => {
  const answer = (await (await fetch(`${url}/api/runs/${runId}`)).json()) as { status: string }
  return answer.status
}

/** A figure of its memory, in MB. */
function megabytes(child: Bun.Subprocess, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1000
}

describe('following a log', () => {
  test('continues over servers that are killed, and neither loses nor repeats a line', async () => {
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index + 1}\n`)
    let server = await startServer()
    const runId = await run(
      server,
      'i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; sleep 0.01; done',
    )
    const follower = start(['runs', 'logs', runId, '-f', '-s', server.url])
    for (const number of [100, 250, 400]) {
      await follower.saw(`line ${number}\n`)
      await server.kill()
      server = await server.again()
    }
    const { code, out, err } = await follower.ended
    expect(out).toBe(lines.join(''))
    expect(err).toContain('the connection was lost; reconnecting')
    expect([code, await statusOf(server, runId)]).toEqual([0, 'success'])
  }, 90_000)

  test('is not cut off where nothing happens for longer than a server waits for others', async () => {
    const server = await startServer()
    const runId = await run(server, 'echo before; sleep 17; echo after')
    // One connection, and no second one.
    const events = await (await fetch(`${server.url}/api/runs/${runId}/events`)).text()
    const [before, after, ...rest] = events.split(/^: $/m)
    expect(before).toContain('before\\n')
    expect(after).toContain('after\\n')
    expect(after).toContain('event: exit')
    expect(rest).toEqual([])
  }, 60_000)
})

describe('a task that prints without end', () => {
  const missing = process.platform === 'linux' ? undefined : 'Linux'
  const LINE = 64

  testWith(
    missing,
    '300 MB cost the server a bounded piece of memory, written and read',
    async () => {
      const server = await startServer(['--max-log-size', '1GB'])
      const idle = megabytes(server.child, 'VmRSS')
      const runId = await run(server, `yes ${'x'.repeat(LINE - 1)} | head -c 300000000`)
      await until(
        () => statusOf(server, runId),
        (status) => status === 'success',
        150_000,
      )
      let bytes = 0
      const response = await fetch(`${server.url}/api/runs/${runId}/log`)
      for await (const chunk of response.body ?? []) bytes += chunk.length
      expect(bytes).toBe(300_000_000)
      expect(megabytes(server.child, 'VmHWM') - idle).toBeLessThan(250)
    },
    180_000,
  )

  testWith(
    missing,
    'more than the server keeps is dropped, and the log says where',
    async () => {
      const server = await startServer(['--max-log-size', '2MB'])
      const runId = await run(server, `yes ${'x'.repeat(LINE - 1)} | head -c 50000000`)
      const followed = await fob(['runs', 'logs', runId, '-f', '-s', server.url])
      expect(followed.code).toBe(0)
      expect(followed.out.length).toBeLessThan(2_000_000)
      expect(followed.err).toContain('the log is cut here: more than 1.9 MiB')
      expect(await statusOf(server, runId)).toBe('success')
    },
    60_000,
  )
})
