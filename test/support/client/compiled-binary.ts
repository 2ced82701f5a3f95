/** Starts the compiled binary, and reads its output and exit code. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../temporary.ts'

/** The compiled binary; `scripts/test` builds it before any test runs. */
export const FOB = resolve(import.meta.dir, '../../../dist/fob')

export interface Ended {
  code: number
  out: string
  err: string
}

export interface Running {
  child: Bun.Subprocess<'ignore' | Uint8Array, 'pipe', 'pipe'>
  /** Everything on stderr so far. */
  err(): string
  out(): string
  /** Resolves once stderr (or stdout) holds `text`. */
  saw(text: string | RegExp): Promise<string>
  ended: Promise<Ended>
}

export interface Options {
  env?: Record<string, string> | undefined
  stdin?: string
  cwd?: string
  /** `$FOB_HOME`; a fresh one without it. */
  home?: string
}

/** A test has a deadline of its own, which says more about what is slow. */
const WAIT_MS = 60_000

/** An environment that holds nothing of this machine but PATH, and the folder to start in. */
export function environment(options: Options): { cwd: string; env: Record<string, string> } {
  if (!existsSync(FOB)) throw new Error('dist/fob is not built: run scripts/build')
  const home = options.home ?? temporaryFolder()
  return {
    cwd: options.cwd ?? home,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      FOB_HOME: join(home, '.fob'),
      ...options.env,
    },
  }
}

/** What is started for a test runs each part of its start once: it compiles what it uses from then on. fob never reads this. */
const COMPILED_LATER = { BUN_JSC_startupJITDeferralScale: '10' }

/** Starts the binary. */
export function start(args: readonly string[], options: Options = {}): Running {
  const env = { ...COMPILED_LATER, ...options.env }
  const child = Bun.spawn([FOB, ...args], {
    ...environment({ ...options, env }),
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  const ended = Promise.all([child.exited, out.done, err.done]).then(([code]) => ({
    code,
    out: out.text(),
    err: err.text(),
  }))
  return {
    child,
    out: out.text,
    err: err.text,
    ended,
    async saw(wanted) {
      const matches = () => {
        const all = out.text() + err.text()
        return typeof wanted === 'string' ? all.includes(wanted) : wanted.test(all)
      }
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, WAIT_MS)
      const over = Promise.race([ended, late.promise]).then(() => true)
      const more = () => Promise.race([out.more(), err.more()]).then(() => false)
      while (!matches()) if (await Promise.race([more(), over])) break
      clearTimeout(timer)
      if (!matches()) throw new Error(`never saw ${wanted}; stdout: ${out.text()} stderr: ${err.text()}`)
      return out.text() + err.text()
    },
  }
}

/** Runs the binary to its end. */
export function fob(args: readonly string[], options: Options = {}): Promise<Ended> {
  return start(args, options).ended
}

interface Collected {
  text(): string
  /** Resolves when there is more of it. */
  more(): Promise<void>
  done: Promise<void>
}

function collect(stream: ReadableStream<Uint8Array>): Collected {
  const decoder = new TextDecoder()
  let text = ''
  let more = Promise.withResolvers<void>()
  const done = (async () => {
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      more.resolve()
      more = Promise.withResolvers()
    }
  })()
  return { text: () => text, more: () => more.promise, done }
}
