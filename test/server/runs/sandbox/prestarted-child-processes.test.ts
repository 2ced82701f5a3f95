/** The pool of sandbox processes: each is given out once, ended ones never, and a close ends the spare one. */
import { afterAll, expect, test } from 'bun:test'
import { createProcesses } from '../../../../src/server/runs/sandbox/prestarted-child-processes.ts'
import { SANDBOX_LIMITS } from '../../../../src/server/runs/sandbox/child-protocol.ts'

/** Says its number when it has been told its limits, and then waits as a sandbox does. */
const CHILD = ['sh', '-c', 'read -r first; echo $$; exec cat']
const processes = createProcesses(CHILD, SANDBOX_LIMITS)

afterAll(() => processes.close())

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function ready(child: ReturnType<typeof processes.take>): Promise<number> {
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  reader.releaseLock()
  return Number(new TextDecoder().decode(value))
}

async function end(child: ReturnType<typeof processes.take>): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

const childrenOf = async (pid: number) =>
  (await Bun.file(`/proc/${pid}/task/${pid}/children`).text()).split(' ').map(Number).filter(Boolean)

test('each process is given out once', async () => {
  const taken = [processes.take(), processes.take(), processes.take()]
  const pids = await Promise.all(taken.map(ready))
  expect(pids).toEqual(taken.map(({ pid }) => pid))
  expect(new Set(pids).size).toBe(3)
  await Promise.all(taken.map(end))
})

test.skipIf(process.platform !== 'linux')('one that has ended meanwhile is not given out', async () => {
  const before = await childrenOf(process.pid)
  await end(processes.take())
  const held = (await childrenOf(process.pid)).find((pid) => !before.includes(pid))
  if (held === undefined) throw new Error('none is held ready')
  process.kill(held, 'SIGKILL')
  while (isAlive(held)) await Bun.sleep(5)
  const taken = processes.take()
  expect(taken.pid).not.toBe(held)
  expect(await ready(taken)).toBe(taken.pid)
  await end(taken)
})

test.skipIf(process.platform !== 'linux')('the one that is held ready goes when it is closed', async () => {
  const before = await childrenOf(process.pid)
  const own = createProcesses(CHILD, SANDBOX_LIMITS)
  const taken = own.take()
  const begun = (await childrenOf(process.pid)).filter((pid) => !before.includes(pid))
  expect(begun).toHaveLength(2)
  await own.close()
  expect(begun.filter(isAlive)).toEqual([taken.pid])
  await end(taken)
})
