/** Processes that tasks leave behind: no zombies, and an end with their task, sandbox or the last task. */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createNativeDriver } from '../../../../src/server/runs/drivers/native-driver.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { collect, isRunning, NEVER, plainSpec, until } from '../drivers/fixture.ts'

const COMMAND = [process.execPath, join(import.meta.dir, '../../../../src/main.ts'), '__tasks']

/** Processes that do all they can not to be found: new session, parent gone, other folder, no environment. */
describe.skipIf(process.platform !== 'linux')('what leaves its task', () => {
  const folder = temporaryFolder()
  const driver = createNativeDriver({
    dataDir: temporaryFolder(),
    clock: systemClock,
    graceMs: 300,
    command: COMMAND,
  })
  afterAll(async () => {
    await driver.sweep(new Set())
    await driver.close()
  })
  let number = 0
  async function run(script: string, signal = NEVER, more = {}) {
    const { sinks, text } = collect()
    const spec = { ...plainSpec({ image: undefined }, script), runId: 'run_1', number: ++number, ...more }
    const end = await driver.run(spec, sinks, signal)
    return { ...end, ...text() }
  }
  test.each([
    ['a session of its own', `setsid sh -c 'echo $$ > FILE; exec sleep 60' &`],
    ['that, and no parent', `(setsid sh -c 'echo $$ > FILE; exec sleep 60' &)`],
    ['a session within a session', `setsid sh -c "setsid sh -c 'echo \\$\\$ > FILE; exec sleep 60'" &`],
    ['another folder', `cd /; setsid sh -c 'echo $$ > FILE; exec sleep 60' &`],
    ['no environment', `env -i /usr/bin/setsid sh -c 'echo $$ > FILE; exec sleep 60' &`],
    ['all of these', 'HIDDEN'],
    ['deaf ears', `setsid sh -c 'trap "" TERM HUP; echo $$ > FILE; while :; do sleep 1; done' &`],
  ])('ends with it: %s', async (name, script) => {
    const file = join(folder, name.replaceAll(' ', '-'))
    const text = script.replace('HIDDEN', hidden(file)).replace('FILE', file)
    const ran = await run(`${text}
while [ ! -s ${file} ]; do sleep 0.02; done; echo done`)
    expect(ran).toMatchObject({ status: 'success', stdout: 'done\n' })
    expect(isRunning(await pidIn(file))).toBe(false)
  })

  test('is reaped: none is left as a zombie', async () => {
    await run('for i in 1 2 3 4 5; do setsid sh -c "sleep 0.05" & done')
    const { stdout } = await run(
      'for s in /proc/[0-9]*/stat; do read line < $s; echo "$line"; done; echo $PPID',
    )
    const lines = stdout.trim().split('\n')
    const supervisor = lines.pop()
    expect(lines.filter((line) => new RegExp(`\\) Z ${supervisor} `).test(line))).toEqual([])
  })

  test('is not ended with another task, as long as its own goes on', async () => {
    const [open, shy] = [join(folder, 'open'), join(folder, 'shy')]
    const controller = new AbortController()
    const script = `setsid sh -c 'echo $$ > ${open}; exec sleep 60' & ${hidden(shy)}; sleep 60`
    const mine = run(script, controller.signal)
    const pids = [await pidIn(open), await pidIn(shy)]
    for (let i = 0; i < 3; i++) await run('setsid sleep 60 & true')
    expect(pids.map(isRunning)).toEqual([true, true])
    controller.abort()
    await mine
    expect(pids.map(isRunning)).toEqual([false, false])
  })

  test('and cannot be told from what an older task left is ended with the last of them', async () => {
    const file = join(folder, 'shared')
    const controller = new AbortController()
    const older = run(`echo $$ > ${file}-older; sleep 60`, controller.signal)
    // It runs, so it is older than what the next task leaves.
    await pidIn(`${file}-older`)
    let pid = 0
    // One that the supervisor saw before it had hidden everything is ended with its task, as it should be.
    for (let attempt = 1; attempt <= 5 && !isRunning(pid); attempt++) {
      await run(`${hidden(`${file}-${attempt}`)}; while [ ! -s ${file}-${attempt} ]; do sleep 0.02; done`)
      pid = await pidIn(`${file}-${attempt}`)
    }
    expect(isRunning(pid)).toBe(true)
    controller.abort()
    await older
    expect(isRunning(pid)).toBe(false)
  })

  test('in a sandbox it is there for the next task, and gone when the sandbox is', async () => {
    const sandbox = { runId: 'run_1', number: 99 }
    const file = join(folder, 'service')
    await driver.openSandbox({ ...sandbox, env: {}, mounts: [], limits: {} }, NEVER)
    const within = { sandbox: sandbox.number }
    await run(`setsid sh -c 'echo $$ > ${file}; exec sleep 60' > /dev/null 2>&1 &`, NEVER, within)
    await run(`sleep 60 > /dev/null & echo $! > ${file}-2`, NEVER, within)
    const pids = [await pidIn(file), await pidIn(`${file}-2`)]
    await run('true', NEVER, within)
    expect(pids.map(isRunning)).toEqual([true, true])
    await driver.closeSandbox(sandbox)
    expect(pids.map(isRunning)).toEqual([false, false])
  })
})

const hidden = (file: string) =>
  `cd / && (env -i /usr/bin/setsid sh -c 'echo $$ > ${file}; exec sleep 60' > /dev/null 2>&1 &)`
const pidIn = async (file: string) => {
  await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
  return Number(readFileSync(file, 'utf8'))
}
