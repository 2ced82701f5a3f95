/** The only clock and the only source of randomness of the VM (WASI preview 1): both come from the run. */
export function wasiOf(memory: WebAssembly.Memory, now: () => number, seed: () => string) {
  return {
    clock_time_get: (_clock: number, _precision: bigint, at: number) => {
      new DataView(memory.buffer).setBigUint64(at, BigInt(Math.trunc(now())) * 1_000_000n, true)
      return 0
    },
    random_get: (at: number, length: number) => {
      const bytes = Buffer.from(seed(), 'hex')
      const target = new Uint8Array(memory.buffer, at, length)
      for (let index = 0; index < length; index++) target[index] = bytes[index % bytes.length] ?? 0
      return 0
    },
  }
}
