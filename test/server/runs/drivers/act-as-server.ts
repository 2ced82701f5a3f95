/** The program of a process that acts as a server with a driver until a test kills it. */
import { writeSync } from 'node:fs'
import * as v from 'valibot'
import type { Driver, Offsets, TaskSinks } from '../../../../src/server/runs/drivers/driver-interface.ts'
import type { Order } from './victim.ts'

/** What the process says, a line of JSON each. */
export const report = v.variant('type', [
  v.object({ type: v.literal('output'), stream: v.picklist(['stdout', 'stderr']), data: v.string() }),
  v.object({ type: v.literal('stored'), stdout: v.number(), stderr: v.number() }),
  v.object({
    type: v.literal('ended'),
    status: v.picklist(['success', 'failure', 'abort', 'error']),
    code: v.number(),
  }),
])

/** A server's part in a test that kills it. Its arguments: the folder, and what was stored before it. */
export async function actAsServer(open: (folder: string) => Promise<Driver>): Promise<void> {
  const [folder = '', offsets = '{}'] = process.argv.slice(2)
  const driver = await open(folder)
  const sinks = reportingSinks(
    v.parse(v.object({ stdout: v.number(), stderr: v.number() }), JSON.parse(offsets)),
  )
  for await (const line of console) {
    // It comes from the test itself.
    const order = JSON.parse(line) as Order
    if (order.type === 'openSandbox') await driver.openSandbox(order.spec, new AbortController().signal)
    else void perform(driver, order, sinks)
  }
}

async function perform(
  driver: Driver,
  order: Exclude<Order, { type: 'openSandbox' }>,
  sinks: TaskSinks,
): Promise<void> {
  const { signal } = new AbortController()
  const end =
    order.type === 'run'
      ? await driver.run(order.spec, sinks, signal)
      : await driver.reattach(order.task, sinks, signal)
  if (end) say({ type: 'ended', ...end })
}

/** Says that it has stored a bit less than it was given, in odd portions, once it has said what it was given. */
function reportingSinks(before: Offsets): TaskSinks {
  const taken = { ...before }
  const stored = (): Offsets => ({ stdout: portion(taken.stdout), stderr: portion(taken.stderr) })
  const sink = (stream: 'stdout' | 'stderr') => async (chunk: Uint8Array) => {
    say({ type: 'output', stream, data: Buffer.from(chunk).toString('base64') })
    taken[stream] += chunk.length
    say({ type: 'stored', ...stored() })
  }
  return { stdout: sink('stdout'), stderr: sink('stderr'), stored }
}

const portion = (length: number): number => length - (length % 7)

/** Whole, before anything else happens: the test has it even if this process dies now. */
function say(message: v.InferInput<typeof report>): void {
  writeSync(1, `${JSON.stringify(message)}\n`)
}
