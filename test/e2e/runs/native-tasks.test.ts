/** Native tasks of the compiled binary: isolation from their supervisor, stray processes, and killed processes. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fob } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import {
  asPlainUser,
  fobOfPlainUser,
  giveToPlainUser,
  missingPlainUser,
} from '../../support/real-parts/plain-user.ts'
import { freePort } from '../../support/free-port.ts'
import { isRunning, until } from '../../server/runs/drivers/fixture.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const missing = missingPlainUser()

const folder = temporaryFolder()
/** Longer than the path of a socket may be. */
const data = join(folder, 'd'.repeat(100), 'data')
const url = `http://127.0.0.1:${freePort()}`
let own: string
let server: Bun.Subprocess<'ignore', 'ignore', 'pipe'>

async function startServer(): Promise<void> {
  const listen = new URL(url).host
  const command = [own, 'server', '--listen', listen, '--data', data, '--tasks-wait', '20s']
  server = Bun.spawn(asPlainUser(command), {
    cwd: '/',
    env: {
      PATH: process.env.PATH ?? '',
      FOB_HOME: folder,
      FOB_SECRETS_SQLITE_PASSPHRASE: 'canary-passphrase',
    },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  let log = ''
  // To its end: a server whose log is closed shuts down.
  void server.stderr.pipeTo(
    new WritableStream({ write: (chunk) => void (log += Buffer.from(chunk).toString()) }),
  )
  await until(() => log.includes('"listening"'))
}

async function setPipeline(name: string, script: string): Promise<void> {
  const path = join(folder, `${name}.ts`)
  const task = { name: 'task', image: 'busybox', command: { path: 'sh', args: ['-c', script] } }
  writeFileSync(
    path,
    `const pipeline = async () => { await runtime.run(${JSON.stringify(task)}) }\nexport { pipeline }\n`,
  )
  const set = await fob(['pipeline', 'set', path, '-s', url])
  expect([set.code, set.err]).toEqual([0, expect.any(String)])
}

/** @returns the run's ID. */
async function beginPipeline(name: string, script: string): Promise<string> {
  await setPipeline(name, script)
  const ran = await fob(['pipeline', 'run', name, '--detach', '-s', url])
  const id = /run_[\w-]+/.exec(ran.out + ran.err)?.[0]
  if (id === undefined) throw new Error(`no run: ${ran.err}`)
  return id
}

/** Both streams: the command keeps them apart. */
async function logOf(id: string): Promise<string> {
  const { out, err } = await fob(['runs', 'logs', id, '-s', url])
  return out + err
}

async function runPipeline(name: string, script: string): Promise<string> {
  await setPipeline(name, script)
  const ran = await fob(['pipeline', 'run', name, '-s', url])
  expect([ran.code, ran.err]).toEqual([0, expect.any(String)])
  return ran.out
}

describe('native tasks of the compiled binary', () => {
  beforeAll(async () => {
    if (missing !== undefined) return
    mkdirSync(data, { recursive: true })
    for (const path of [folder, join(data, '..'), data]) {
      chmodSync(path, 0o700)
      giveToPlainUser(path)
    }
    own = fobOfPlainUser()
    await startServer()
  })
  afterAll(async () => {
    server?.kill()
    await server?.exited
  })

  testWith(missing, 'cannot look into the process that started them', async () => {
    const out = await runPipeline(
      'look',
      `tr '\\0' ' ' < /proc/$PPID/cmdline; echo
       for file in environ mem maps; do head -c 100 /proc/$PPID/$file 2> /dev/null && echo read $file; done
       ls /proc/$PPID/fd 2> /dev/null && echo read fd; true`,
    )
    expect(out).toContain('__tasks')
    expect(out).not.toContain('read ')
  })

  testWith(missing, 'end with all that they have left', async () => {
    const file = join(data, 'left')
    const out = await runPipeline(
      'leave',
      `(cd / && env -i /usr/bin/setsid sh -c 'echo $$ > ${file}; exec sleep 60' &)
       while [ ! -s ${file} ]; do sleep 0.02; done; cat ${file}`,
    )
    const pid = /^\D*(\d+)\s*$/m.exec(out)?.[1]
    expect(pid).toBeDefined()
    expect(existsSync(`/proc/${pid}/cmdline`)).toBe(false)
  })

  testWith(
    missing,
    'go on through SIGKILL of the server, and no line is lost or doubled',
    async () => {
      const sides = join(data, 'sides')
      const finish = join(data, 'finish')
      const id = await beginPipeline(
        'count',
        // It prints while there is no server, and does not end before the second one is there, however long that takes.
        `echo $$ >> ${sides}; for i in $(seq 60); do echo "out $i $$"; echo "err $i" >&2; sleep 0.1
         [ $i != 45 ] || while [ ! -e ${finish} ]; do sleep 0.05; done; done`,
      )
      const soFar = async () => await (await fetch(`${url}/api/runs/${id}/log`)).text()
      for (const line of ['out 15 ', 'out 30 ']) {
        await until(async () => (await soFar()).includes(line))
        server.kill('SIGKILL')
        await server.exited
        await startServer()
        expect(await soFar()).not.toContain('out 60 ')
      }
      writeFileSync(finish, '')
      await until(async () => (await fob(['runs', 'show', id, '-s', url])).out.includes('success'))
      const pid = readFileSync(sides, 'utf8').trim()
      expect(pid).toMatch(/^\d+$/)
      const lines = (await logOf(id)).split('\n')
      const numbers = Array.from({ length: 60 }, (_, index) => index + 1)
      expect(lines.flatMap((line) => /out .*/.exec(line) ?? [])).toEqual(
        numbers.map((at) => `out ${at} ${pid}`),
      )
      expect(lines.flatMap((line) => /err .*/.exec(line) ?? [])).toEqual(numbers.map((at) => `err ${at}`))
    },
    60_000,
  )

  testWith(missing, 'are run again when only the process that runs them is killed', async () => {
    const sides = join(data, 'again')
    const out = await runPipeline(
      'again',
      `echo $$ >> ${sides}; echo try $(wc -l < ${sides}); [ $(wc -l < ${sides}) = 2 ] || { kill -9 $PPID; exec sleep 60; }`,
    )
    expect(out.match(/try \d/g)).toEqual(['try 1', 'try 2'])
    const [first = '', ...more] = readFileSync(sides, 'utf8').trim().split('\n')
    expect(more).toHaveLength(1)
    expect(isRunning(Number(first))).toBe(false)
  })

  testWith(missing, 'are not run for ever where they kill that process themselves', async () => {
    const sides = join(data, 'killers')
    await setPipeline('killer', `echo x >> ${sides}; kill -9 $PPID; exec sleep 60`)
    const { code, err } = await fob(['pipeline', 'run', 'killer', '-s', url])
    expect([code, err]).toEqual([1, expect.stringContaining('the process that ran task was killed 3 times')])
    expect(readFileSync(sides, 'utf8')).toBe('x\nx\nx\n')
    expect(await runPipeline('after', 'echo fine')).toContain('fine')
  })

  testWith(missing, 'leave no process behind when the server is stopped', async () => {
    const socket = join(data, 'tasks', 'socket')
    expect(existsSync(socket)).toBe(true)
    server.kill('SIGINT')
    await server.exited
    await until(() => !existsSync(socket))
  })

  test.each(['10', '10 m', 'soon', '9999h'])('refuse to wait for %p', async (time) => {
    const { code, err } = await fob(['server', '--tasks-wait', time, '--data', temporaryFolder()])
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--tasks-wait takes a time such as 90s, 10m or 2h'),
    ])
  })
})
