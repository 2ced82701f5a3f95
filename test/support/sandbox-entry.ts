/** The child process of a script, started from the source. */
import { runSandboxChild } from '../../src/server/runs/sandbox/child/sandbox-child.ts'

/** What the binary does for its hidden command `__sandbox`. */
await runSandboxChild()
