/** The host calls for places that several tasks share: `volumes.create`, `sandbox.open` and `sandbox.close`. */
import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-call-type.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import { resolveEnvironment } from './task-environment.ts'
import { parseSandbox, parseSandboxId, parseVolume } from './parse-task-and-sandbox-requests.ts'

export interface SandboxOptions {
  runId: string
  driver: Driver
  /** Added to the number of a call, it is the number of the sandbox that the call opens. */
  firstNumber: number
  signal: AbortSignal
  redactor: Redactor
  resolve(value: unknown): Promise<unknown>
  /** Ends the run. */
  fail(error: unknown): void
}

export function createSandboxCalls(options: SandboxOptions): HostCalls {
  const { runId, driver, firstNumber, signal, redactor } = options

  async function open(params: unknown, call: number): Promise<{ id: number }> {
    const { image, env, mounts, limits } = parseSandbox(params)
    driver.refuse({ image, mounts, limits })
    const number = firstNumber + call
    try {
      // First: where a secret is not set, nothing of the sandbox exists.
      const resolved = await resolveEnvironment(env, options.resolve)
      await createVolumes(driver, runId, mounts)
      // A server that was killed during this call may have left one.
      await driver.closeSandbox({ runId, number })
      await driver.openSandbox({ runId, number, image, env: resolved, mounts, limits }, signal)
    } catch (error) {
      options.fail(error)
      throw error
    }
    return { id: number }
  }

  return {
    'volumes.create': async (params, { number }) => {
      const { name = `volume-${number}` } = parseVolume(params)
      await driver.createVolume(runId, name)
      // The script continues with the name that it gave (`host-api.js`).
      return { name: redactor.text(name) }
    },
    'sandbox.open': (params, { number }) => open(params, number),
    'sandbox.close': async (params) => {
      await driver.closeSandbox({ runId, number: parseSandboxId(params) })
      return null
    },
  }
}

/** A volume is created where it is first named. */
export async function createVolumes(
  driver: Driver,
  runId: string,
  mounts: readonly { volume: string }[],
): Promise<void> {
  for (const { volume } of mounts) await driver.createVolume(runId, volume)
}

/** @throws Fault `failed` for a sandbox that was closed, or has ended with the server or the machine that had it */
export async function requireSandbox(driver: Driver, runId: string, number: number): Promise<void> {
  if (!(await driver.hasSandbox({ runId, number }))) throw new Fault('failed', 'the sandbox is closed')
}
