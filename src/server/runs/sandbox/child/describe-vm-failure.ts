/** What went wrong in the VM of a script, in words. */
import { JSException, type JSValueHandle } from 'quickjs-wasi'
import * as v from 'valibot'
import type { Engine } from './quickjs-engine.ts'
import type { Meter } from './vm-time-meter.ts'

/** What went wrong, with the stack of the VM as `VmHost.stack` gives it. */
export interface VmFailure {
  message: string
  stack: string
  /** Everything about it, in several lines, where that is more than the message and its place. */
  report?: string | undefined
  /**
   * `no_function`: what the script exports as `pipeline` cannot be called. `overlooked`: it has ended without looking at
   * how a task failed.
   */
  reason?: 'no_function' | 'overlooked' | undefined
}

interface FailureReader {
  /** What the script has thrown. */
  ofThrown(thrown: JSValueHandle): VmFailure
  /** As prelude.js describes what was thrown. */
  ofDescription(json: string): VmFailure
  /** An error of the engine. */
  ofError(error: unknown): VmFailure
}

/** A VM whose memory was ever this full may have run out of it: its memory never shrinks. */
const FULL = 0.75

const description = v.object({
  message: v.string(),
  stack: v.string(),
  report: v.optional(v.string()),
  reason: v.optional(v.picklist(['no_function', 'overlooked'])),
})

/** @param describe the function of prelude.js that describes what was thrown */
export function createFailureReader(engine: Engine, meter: Meter, describe: JSValueHandle): FailureReader {
  const { vm, limits } = engine

  function ofThrown(thrown: JSValueHandle): VmFailure {
    return ofDescription(vm.callFunction(describe, vm.undefined, thrown).consume(String))
  }

  /** With no memory left even for an error, the VM throws null. */
  function ofDescription(json: string): VmFailure {
    const failure = v.parse(description, JSON.parse(json))
    const isFull = engine.memoryBytes() >= limits.memoryBytes * FULL
    if (!isFull || !/^threw (null|undefined)$/.test(failure.message)) return failure
    const limit = Number((limits.memoryBytes / (1024 * 1024)).toFixed(1))
    return { message: `the script ran out of memory (limit ${limit} MiB)`, stack: '' }
  }

  function ofError(error: unknown): VmFailure {
    if (meter.isSpent()) {
      return { message: `the script used more than ${limits.cpuMs / 1000} s of processor time`, stack: '' }
    }
    try {
      if (error instanceof JSException) return meter.run(() => ofThrown(error.handle))
    } catch {
      // There is no memory left even for that.
    }
    // The VM itself has ended: its own stack overflowed, or memory ran out where it cannot recover.
    return { message: 'the script broke its sandbox: it went too deep or grew too large', stack: '' }
  }

  return { ofThrown, ofDescription, ofError }
}
