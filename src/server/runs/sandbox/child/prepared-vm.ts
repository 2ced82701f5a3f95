/** The VM of a script as far as it can be prepared before there is one: run while fob is built, never by a server. */
import { readFileSync } from 'node:fs'
import { type JSValueHandle, QuickJS } from 'quickjs-wasi'
import assertSource from '../script-globals/assert.js' with { type: 'text' }
import consoleSource from '../script-globals/console.js' with { type: 'text' }
import inspectSource from '../script-globals/inspect.js' with { type: 'text' }
import overlookedResultsSource from '../script-globals/overlooked-results.js' with { type: 'text' }
import requireJsonSource from '../script-globals/refuse-non-json-values.js' with { type: 'text' }
import preludeSource from '../script-globals/prelude.js' with { type: 'text' }
import deepEqualSource from '../script-globals/deep-equal.js' with { type: 'text' }
import errorStacksSource from '../script-globals/error-stacks.js' with { type: 'text' }
import hostApiSource from '../script-globals/host-api.js' with { type: 'text' }
import { wasiOf } from './deterministic-wasi.ts'

/** By name, the files that each create some of the script's globals. */
const MAKERS = {
  assert: assertSource,
  console: consoleSource,
  inspect: inspectSource,
  overlookedResults: overlookedResultsSource,
  requireJson: requireJsonSource,
  deepEqual: deepEqualSource,
  errorStacks: errorStacksSource,
  hostApi: hostApiSource,
}

/** A VM at rest. Only ranges that are not zero are kept, one after the other. */
export interface PreparedVm {
  /** Base64 of all ranges, compressed with zstd. */
  bytes: string
  /** Where each range starts in the memory of the VM, and how long it is. */
  ranges: [at: number, length: number][]
  memoryLength: number
  stackPointer: number
  runtimePtr: number
  contextPtr: number
  /** The function that ../script-globals/prelude.js evaluates to, and the object of those that `MAKERS` evaluate to. */
  prelude: number
  makers: number
}

/** A page of WebAssembly would be 64 KiB; most of them hold more zeros than not. */
const RANGE = 1024

/**
 * Creates the VM and evaluates what every script gets. A macro (https://bun.com/docs/bundler/macros): it runs where
 * the code that calls it is bundled, and what it returns stands in its place. Starting from its result takes a child
 * half of the processor time that this takes. Time and randomness are constants, as a replay needs.
 */
export async function prepareVm(): Promise<PreparedVm> {
  const vm = await QuickJS.create({
    wasm: readFileSync(Bun.resolveSync('quickjs-wasi/quickjs.wasm', import.meta.dir)),
    wasi: (memory: WebAssembly.Memory) =>
      wasiOf(
        memory,
        () => 0,
        () => '0'.repeat(32),
      ),
    timezoneOffset: 0,
  })
  const prelude = vm.exportHandle(vm.evalCode(preludeSource, 'fob'))
  const makers = vm.exportHandle(makersIn(vm))
  const { memory, stackPointer, runtimePtr, contextPtr } = vm.snapshot()
  const ranges = rangesOf(memory)
  const bytes = Bun.zstdCompressSync(
    Buffer.concat(ranges.map(([at, length]) => memory.subarray(at, at + length))),
    { level: 19 },
  )
  return {
    bytes: bytes.toString('base64'),
    ranges,
    memoryLength: memory.length,
    stackPointer,
    runtimePtr,
    contextPtr,
    prelude,
    makers,
  }
}

function makersIn(vm: QuickJS): JSValueHandle {
  const makers = vm.newObject()
  for (const [name, source] of Object.entries(MAKERS)) makers.setProp(name, vm.evalCode(source, 'fob'))
  return makers
}

/** All that is not zero. */
function rangesOf(memory: Uint8Array): [number, number][] {
  const ranges: [number, number][] = []
  for (let at = 0; at < memory.length; at += RANGE) {
    if (memory.subarray(at, at + RANGE).every((byte) => byte === 0)) continue
    const last = ranges.at(-1)
    if (last && last[0] + last[1] === at) last[1] += RANGE
    else ranges.push([at, RANGE])
  }
  return ranges
}
