/** The QuickJS engine of a child, prepared as far as it can be before the script is known. */
import { type JSValueHandle, QuickJS } from 'quickjs-wasi'
import wasmPath from 'quickjs-wasi/quickjs.wasm' with { type: 'file' }
import { wasiOf } from './deterministic-wasi.ts'
import type { PreparedVm } from './prepared-vm.ts'
import { prepareVm } from './prepared-vm.ts' with { type: 'macro' }

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

/** Continues with the VM that was prepared when this was built. */
export async function prepareEngine(limits: VmLimits): Promise<Engine> {
  let owner = NO_OWNER
  let memory: WebAssembly.Memory | undefined
  const { prelude, makers, ...snapshot } = snapshotOf(await prepareVm())
  const vm = await QuickJS.restore(snapshot, {
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
    prelude: vm.importHandle(prelude),
    makers: vm.importHandle(makers),
    own: (next) => (owner = next),
  }
}

/** Everything between the ranges is zero, and no page of it is touched before it is copied. */
function snapshotOf({ bytes, ranges, memoryLength, ...rest }: PreparedVm) {
  const memory = new Uint8Array(memoryLength)
  const packed = Bun.zstdDecompressSync(Buffer.from(bytes, 'base64'))
  let from = 0
  for (const [at, length] of ranges) {
    memory.set(packed.subarray(from, from + length), at)
    from += length
  }
  return { ...rest, memory, extensions: [] }
}

function refuseImport(name: string): never {
  const error = new Error(`a pipeline cannot import "${name.slice(0, 200)}"`)
  // The script could read the stack, and with it where fob is installed.
  error.stack = ''
  throw error
}
