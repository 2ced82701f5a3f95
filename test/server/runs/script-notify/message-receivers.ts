/** `notify.send` as a run has it, with a vault in memory and waits that pass at once, for the tests of messages. */
import { createRedactor } from '../../../../src/redact/redactor.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import type { Clock } from '../../../../src/platform/clock.ts'
import {
  createGuardedFetch,
  type GuardedFetch,
} from '../../../../src/guarded-fetch/request-checked-address.ts'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import { createNotifyCalls } from '../../../../src/server/runs/script-notify/script-notify.ts'
import { createResolver } from '../../../../src/server/runs/secrets/resolve-secrets.ts'
import { memoryVault } from '../../../support/servers/memory-vault.ts'
import { TENANT } from '../run-harness.ts'

export interface Desk {
  send(request: Record<string, unknown>): Promise<unknown>
  set(key: string, value: string): Promise<void>
  /** Lines for the run's log. */
  lines: string[]
  /** How long it has waited between tries, in ms. */
  waits: number[]
  /** Waits for what goes on in the background. */
  settled(): Promise<void>
  stop: AbortController
}

/** `notify.send` as a run has it; waits pass at once. */
export async function openDesk(
  secrets: Record<string, string> = {},
  { allowed = ['127.0.0.0/8'], send }: { allowed?: string[]; send?: GuardedFetch } = {},
): Promise<Desk> {
  const network = openNetwork(allowed)
  const vault = memoryVault()
  const set = (key: string, value: string) =>
    vault.set({ tenantId: TENANT, scope: 'global', key }, new Secret(value))
  for (const [key, value] of Object.entries(secrets)) await set(key, value)
  const redactor = createRedactor()
  const pipeline = { id: 'pip_1', name: 'deploy' }
  const { resolve } = createResolver({ vault, tenantId: TENANT, pipeline, runId: 'run_1', redactor })
  const [lines, waits, working]: [string[], number[], Promise<void>[]] = [[], [], []]
  const stop = new AbortController()
  const clock: Clock = {
    now: () => Date.parse('2026-01-01T00:00:00Z'),
    sleep: async (ms, signal) => {
      waits.push(ms)
      signal?.throwIfAborted()
    },
  }
  const calls = createNotifyCalls({
    runId: 'run_1',
    pipeline: 'deploy',
    resolve,
    redactor,
    clock,
    network,
    guardedFetch: send ?? createGuardedFetch({ network, maxResponseBytes: 1024 * 1024 }),
    warn: async (line) => void lines.push(line),
    background: (work) => void working.push(work(stop.signal)),
  })
  return {
    send: (request) =>
      calls['notify.send']?.(request, { number: 1, signal: stop.signal }) ??
      Promise.reject(new Error('no call')),
    set,
    lines,
    waits,
    settled: async () => void (await Promise.all(working)),
    stop,
  }
}
