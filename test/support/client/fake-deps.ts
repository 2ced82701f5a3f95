/** The dependencies of a command, replaced for a test. */
import type { Deps } from '../../../src/cli/deps.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { type FakeIo, fakeIo } from './fake-io.ts'
import { temporaryFolder } from '../temporary.ts'

/** Everything a command needs, with nothing of this machine in it. */
export function fakeDeps(
  options: {
    stdin?: string | Uint8Array
    terminal?: boolean
    env?: Record<string, string>
    home?: string
    cwd?: string
  } = {},
): Deps & { io: FakeIo } {
  return {
    io: fakeIo(options),
    env: options.env ?? {},
    clock: systemClock,
    fetch,
    home: options.home ?? temporaryFolder(),
    cwd: options.cwd,
    signal: new AbortController().signal,
    onHangup: () => () => {},
  }
}
