/** The QuickJS engine of a child, prepared as far as it can be before the script is known. */
import { type JSValueHandle, QuickJS } from 'quickjs-wasi'
import wasmPath from 'quickjs-wasi/quickjs.wasm' with { type: 'file' }
import assertSource from '../script-globals/assert.js' with { type: 'text' }
import consoleSource from '../script-globals/console.js' with { type: 'text' }
import inspectSource from '../script-globals/inspect.js' with { type: 'text' }
import overlookedResultsSource from '../script-globals/overlooked-results.js' with { type: 'text' }
import requireJsonSource from '../script-globals/refuse-non-json-values.js' with { type: 'text' }
import preludeSource from '../script-globals/prelude.js' with { type: 'text' }
import deepEqualSource from '../script-globals/deep-equal.js' with { type: 'text' }
import errorStacksSource from '../script-globals/error-stacks.js' with { type: 'text' }
import { wasiOf } from './deterministic-wasi.ts'
import hostApiSource from '../script-globals/host-api.js' with { type: 'text' }

interface VmLimits {
  memoryBytes: number
  stackBytes: number
  cpuMs: number
}

/** What the engine needs of the VM of the script that runs in it. */
interface EngineOwner {
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970. */
  now(): number
  isSpent(): boolean
  onUnhandledRejection(promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void
}

/** An engine for one script. */
export interface Engine {
  vm: QuickJS
  limits: VmLimits
  /** How much memory it holds. */
  memoryBytes(): number
  /** The function that ../script-globals/prelude.js evaluates to. */
  prelude: JSValueHandle
  /** By name, the functions that the other files of that folder evaluate to: each creates some of the script's globals. */
  makers: JSValueHandle
  own(owner: EngineOwner): void
}

/** Until there is a script. Time and randomness are always the same, as a replay needs. */
const NO_OWNER: EngineOwner = {
  seed: '0'.repeat(32),
  now: () => 0,
  isSpent: () => false,
  onUnhandledRejection: () => {},
}

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

export async function prepareEngine(limits: VmLimits): Promise<Engine> {
  let owner = NO_OWNER
  let memory: WebAssembly.Memory | undefined
  const vm = await QuickJS.create({
    wasm: await Bun.file(wasmPath).bytes(),
    wasi: (itsMemory: WebAssembly.Memory) => {
      memory = itsMemory
      return wasiOf(
        itsMemory,
        () => owner.now(),
        () => owner.seed,
      )
    },
    memoryLimit: limits.memoryBytes,
    maxStackSize: limits.stackBytes,
    timezoneOffset: 0,
    interruptHandler: () => owner.isSpent(),
    moduleLoader: { load: refuseImport },
    onUnhandledRejection: (promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean) =>
      owner.onUnhandledRejection(promise, reason, isHandled),
  })
  return {
    vm,
    limits,
    memoryBytes: () => memory?.buffer.byteLength ?? 0,
    prelude: vm.evalCode(preludeSource, 'fob'),
    makers: makersIn(vm),
    own: (next) => (owner = next),
  }
}

function makersIn(vm: QuickJS): JSValueHandle {
  const makers = vm.newObject()
  for (const [name, source] of Object.entries(MAKERS)) makers.setProp(name, vm.evalCode(source, 'fob'))
  return makers
}

function refuseImport(name: string): never {
  const error = new Error(`a pipeline cannot import "${name.slice(0, 200)}"`)
  // The script could read the stack, and with it where fob is installed.
  error.stack = ''
  throw error
}
