import { type JSValueHandle, QuickJS } from 'quickjs-wasi'
import wasmPath from 'quickjs-wasi/quickjs.wasm' with { type: 'file' }
import assertSource from '../script-globals/assert.js' with { type: 'text' }
import consoleSource from '../script-globals/console.js' with { type: 'text' }
import inspectSource from '../script-globals/inspect.js' with { type: 'text' }
import jsonSource from '../script-globals/json.js' with { type: 'text' }
import prelude from '../script-globals/prelude.js' with { type: 'text' }
import sameSource from '../script-globals/same.js' with { type: 'text' }
import stacksSource from '../script-globals/stacks.js' with { type: 'text' }
import { wasiOf } from './deterministic-wasi.ts'
import worldSource from '../script-globals/world.js' with { type: 'text' }

export interface VmLimits {
  memoryBytes: number
  stackBytes: number
  cpuMs: number
}

/** What the engine asks of who runs a script in it. */
export interface EngineOwner {
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970. */
  now(): number
  isSpent(): boolean
  onUnhandledRejection(promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void
}

/** An engine as far as it can be made for a script that is not known yet: for one script, whichever comes. */
export interface Engine {
  vm: QuickJS
  limits: VmLimits
  /** How much it holds. */
  memoryBytes(): number
  /** The function that ../script-globals/prelude.js is. */
  prelude: JSValueHandle
  /** By name, those that the files are which it makes its world of. */
  makers: JSValueHandle
  own(owner: EngineOwner): void
}

/** Until there is a script. Time and chance are the same always, as a replay needs. */
const NOBODY: EngineOwner = {
  seed: '0'.repeat(32),
  now: () => 0,
  isSpent: () => false,
  onUnhandledRejection: () => {},
}

const MAKERS = {
  assert: assertSource,
  console: consoleSource,
  inspect: inspectSource,
  json: jsonSource,
  same: sameSource,
  stacks: stacksSource,
  world: worldSource,
}

export async function prepareEngine(limits: VmLimits): Promise<Engine> {
  let owner = NOBODY
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
    prelude: vm.evalCode(prelude, 'fob'),
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
