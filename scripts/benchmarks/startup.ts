/**
 * How long a command takes from exec to exit, as ratios within one run. The commands take turns, so that a
 * machine that slows down slows all of them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROUNDS = 41
const FOB = resolve(import.meta.dir, '../../dist/fob')

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
try {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, FOB_HOME: storedLogin() }
  const commands: Record<string, string[]> = {
    'empty program': [emptyProgram()],
    'fob --version': [FOB, '--version'],
    'fob auth token': [FOB, 'auth', 'token'],
    ...(Bun.which('gh') === null ? {} : { 'gh --version': ['gh', '--version'] }),
  }
  const times = measure(commands, env)
  for (const [name, all] of Object.entries(times)) {
    console.log(
      `${name.padEnd(16)} ${median(all).toFixed(1).padStart(6)} ms (median of ${all.length}, min ${Math.min(...all).toFixed(1)})`,
    )
  }
  const ratio = (a: string, b: string) => median(times[a] ?? []) / median(times[b] ?? [])
  report('fob --version / empty program', ratio('fob --version', 'empty program'), 'at most', 1.2)
  report('fob auth token / empty program', ratio('fob auth token', 'empty program'), 'at most', 2.2)
  if (times['gh --version'] === undefined) console.log('gh is not installed: no comparison with it')
  else {
    report('gh --version / fob --version', ratio('gh --version', 'fob --version'), 'at least', 4)
    report('gh --version / fob auth token', ratio('gh --version', 'fob auth token'), 'at least', 4)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function emptyProgram(): string {
  const [source, program] = [join(folder, 'empty.ts'), join(folder, 'empty')]
  writeFileSync(source, 'export {}\n')
  // The same flags as scripts/build, or the comparison would flatter us.
  const flags = [
    '--compile',
    '--bytecode',
    '--format=esm',
    '--minify-whitespace',
    '--splitting',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
  ]
  run([process.execPath, 'build', source, '--outfile', program, ...flags], { PATH: process.env.PATH ?? '' })
  return program
}

/** A home with one login in the file store that is good for a day. */
function storedLogin(): string {
  const home = join(folder, '.fob')
  mkdirSync(home, { mode: 0o700 })
  const token = `${btoa('{"alg":"HS256"}')}.${btoa('{"sub":"bench"}')}.${'s'.repeat(43)}`
  const login = {
    token,
    storage: 'file',
    kind: 'oauth',
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  }
  const credentials = { servers: { 'http://localhost:8080': login } }
  writeFileSync(join(home, 'credentials'), JSON.stringify(credentials), { mode: 0o600 })
  return home
}

function measure(commands: Record<string, string[]>, env: Record<string, string>): Record<string, number[]> {
  const times: Record<string, number[]> = {}
  for (let round = -2; round < ROUNDS; round++) {
    for (const [name, command] of Object.entries(commands)) {
      const started = performance.now()
      run(command, env)
      // The first two rounds only warm the page cache.
      if (round >= 0) (times[name] ??= []).push(performance.now() - started)
    }
  }
  return times
}

function run(command: string[], env: Record<string, string>): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { env, stdout: 'pipe', stderr: 'pipe' })
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${stderr.toString()}`)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function report(name: string, value: number, relation: 'at most' | 'at least', bound: number): void {
  const held = relation === 'at most' ? value <= bound : value >= bound
  console.log(`${held ? '✓' : '✗'} ${name}: ${value.toFixed(2)} (${relation} ${bound})`)
  if (!held) process.exitCode = 1
}
