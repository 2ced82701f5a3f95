/**
 * How long the whole suite takes, against that of the commit before it ran side by side: `scripts/test` of each in
 * turn on this machine. It takes as long as both. What they print goes to files that are named.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The last commit whose suite ran one file after the other. */
const BEFORE = '95e7df4'
const BOUND = 0.4
const ROOT = resolve(import.meta.dir, '../..')

interface Taken {
  wallS: number
  /** Of its processes that were waited for. */
  processorS: number
}

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-suite-'))
const old = join(folder, 'before')
try {
  git('worktree', 'add', '--detach', '--quiet', old, BEFORE)
  // Packages and system packages are there before anything is measured.
  run(old, ['scripts/setup'])
  const before = suite('before', old)
  const now = suite('now', ROOT)
  const ratio = now.wallS / before.wallS
  console.log(`processor time, now / before: ${(now.processorS / before.processorS).toFixed(2)}`)
  console.log(`${ratio <= BOUND ? 'ok ' : 'NOT'} now / before: ${ratio.toFixed(2)} (at most ${BOUND})`)
  process.exitCode = ratio <= BOUND ? 0 : 1
} finally {
  git('worktree', 'remove', '--force', old)
  rmSync(folder, { recursive: true, force: true })
}

function suite(name: string, cwd: string): Taken {
  const log = join(tmpdir(), `fob-suite-${name}.log`)
  const began = performance.now()
  const { exitCode, resourceUsage } = run(cwd, ['sh', '-c', 'scripts/test >"$0" 2>&1', log])
  const wallS = (performance.now() - began) / 1000
  const processorS = Number(resourceUsage.cpuTime.total) / 1e6
  console.log(
    `${name.padEnd(8)} ${wallS.toFixed(0).padStart(5)} s, ${processorS.toFixed(0).padStart(5)} s of a processor, exit ${exitCode}: ${log}`,
  )
  return { wallS, processorS }
}

function run(cwd: string, cmd: string[]) {
  return Bun.spawnSync({ cmd, cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}

function git(...args: string[]): void {
  const { exitCode } = run(ROOT, ['git', ...args])
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')} ended with ${exitCode}`)
}
