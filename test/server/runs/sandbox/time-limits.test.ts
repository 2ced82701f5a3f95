/** Time limits of scripts and their processes: VM time only, start-up, waiting and busy machines. */
import { describe, expect, test } from 'bun:test'
import { createMeter } from '../../../../src/server/runs/sandbox/child/vm-time-meter.ts'
import { SANDBOX_LIMITS } from '../../../../src/server/runs/sandbox/child-protocol.ts'
import { openAccount } from '../../../../src/server/runs/sandbox/resource-watchdog.ts'

/** Time and processor time of a thread, moved by the test. */
function fakeClocks() {
  let time = 0
  let processorTime = 0
  return {
    time: () => time,
    processorTime: () => processorTime,
    /** So much time passes, and so much of it the thread has the processor. */
    pass: (ms: number, processorMs = ms) => {
      time += ms
      processorTime += processorMs
    },
  }
}

describe("the script's own time", () => {
  test('is the time inside the VM, and what the server takes in between is not', () => {
    const clocks = fakeClocks()
    const meter = createMeter(400, clocks)
    clocks.pass(1000)
    expect(meter.isSpent()).toBe(false)
    meter.run(() => {
      clocks.pass(300)
      meter.pause(() => clocks.pass(1000))
      expect(meter.isSpent()).toBe(false)
      clocks.pass(100)
      expect(meter.isSpent()).toBe(false)
      clocks.pass(1)
      expect(meter.isSpent()).toBe(true)
    })
    expect(meter.isSpent()).toBe(true)
  })

  test('adds up over all turns of the script, also of one that throws', () => {
    const clocks = fakeClocks()
    const meter = createMeter(400, clocks)
    const turn = () =>
      meter.run(() => {
        clocks.pass(150)
        throw new Error('thrown')
      })
    for (let i = 0; i < 2; i++) expect(turn).toThrow('thrown')
    expect(meter.isSpent()).toBe(false)
    expect(turn).toThrow('thrown')
    expect(meter.isSpent()).toBe(true)
  })

  test('does not count while other programs have the processor', () => {
    const clocks = fakeClocks()
    const meter = createMeter(400, clocks)
    meter.run(() => {
      clocks.pass(60_000, 400)
      expect(meter.isSpent()).toBe(false)
      clocks.pass(1)
      expect(meter.isSpent()).toBe(true)
    })
  })
})

function open(usageAtFirst: { residentBytes: number; cpuMs: number } | undefined) {
  const clocks = fakeClocks()
  let usage = usageAtFirst
  const limits = { ...SANDBOX_LIMITS, cpuMs: 400, startMs: 500, residentBytes: 1000 }
  const account = openAccount(limits, { now: clocks.time, usage: () => usage })
  return {
    ...account,
    /** So much time passes, and so much of it the child has the processor. */
    pass: (ms: number, processorMs = ms) => {
      clocks.pass(ms)
      if (usage) usage = { ...usage, cpuMs: usage.cpuMs + processorMs }
    },
    hold: (residentBytes: number) => {
      if (usage) usage = { ...usage, residentBytes }
    },
  }
}

describe('a child', () => {
  const TOO_LONG = 'the script used more than 0.4 s of processor time'

  test('has to start in time', () => {
    const child = open({ residentBytes: 0, cpuMs: 0 })
    child.pass(500)
    expect(child.verdict()).toBeUndefined()
    child.pass(1)
    expect(child.verdict()).toBe('the sandbox did not start in time')
  })

  test('is not charged for its start', () => {
    const child = open({ residentBytes: 0, cpuMs: 900 })
    child.pass(500)
    child.ready()
    child.pass(700)
    expect(child.verdict()).toBeUndefined()
    child.pass(1)
    expect(child.verdict()).toBe(TOO_LONG)
  })

  test('is not charged while it waits for the server', () => {
    const child = open({ residentBytes: 0, cpuMs: 0 })
    child.ready()
    for (let i = 0; i < 100; i++) {
      child.busy(false)
      child.pass(10_000, 0)
      child.busy(true)
      child.pass(7, 3)
      expect(child.verdict()).toBeUndefined()
    }
    child.pass(1, 101)
    expect(child.verdict()).toBe(TOO_LONG)
  })

  test('may be slow on a busy machine, but not for ever', () => {
    const child = open({ residentBytes: 0, cpuMs: 0 })
    child.ready()
    child.pass(4 * 700, 400)
    expect(child.verdict()).toBeUndefined()
    child.pass(1, 0)
    expect(child.verdict()).toBe(TOO_LONG)
  })

  test('is charged for the time where the system does not tell its processor time', () => {
    const child = open(undefined)
    child.ready()
    child.pass(700)
    expect(child.verdict()).toBeUndefined()
    child.pass(1)
    expect(child.verdict()).toBe(TOO_LONG)
  })

  test('that claims to be idle and is not is charged for its processor time', () => {
    const child = open({ residentBytes: 0, cpuMs: 0 })
    child.ready()
    child.busy(false)
    child.pass(2800)
    expect(child.verdict()).toBeUndefined()
    child.pass(1)
    expect(child.verdict()).toBe('the sandbox used too much processor time')
  })

  test('may hold so much memory, and no more', () => {
    const child = open({ residentBytes: 1000, cpuMs: 0 })
    child.ready()
    expect(child.verdict()).toBeUndefined()
    child.hold(1001)
    expect(child.verdict()).toBe('the script used too much memory')
  })
})
