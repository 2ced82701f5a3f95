/** The binary in a pseudo-terminal. */
import { join } from 'node:path'
import * as v from 'valibot'
import { environment, FOB, type Options } from '../client/compiled-binary.ts'
import { missingPart } from './skip-without-part.ts'

/** The compiled binary in a pseudo-terminal, as a person at one sees it. */
export interface Terminal {
  /** What stands on the screen: all that was written, and what was typed and echoed. */
  text(): string
  /** Resolves once the screen holds `wanted`, and not before what was seen last. */
  saw(wanted: string | RegExp): Promise<string>
  /** Types, without Enter; `\u0003` is Ctrl-C. */
  type(text: string): void
  /** `sane`: the terminal is left in the modes in which it was found. */
  ended: Promise<{ code: number; sane: boolean; text: string }>
}

const message = v.union([v.object({ out: v.string() }), v.object({ code: v.number(), sane: v.boolean() })])

/** A test has a deadline of its own, which says more about what is slow. */
const WAIT_MS = 60_000

/** The part that is missing here, or undefined. */
export function missingTerminalPart(): string | undefined {
  return missingPart(() => (Bun.which('python3') === null ? 'python3' : undefined))
}

/** @param options.program another one than fob: a shell */
export function inTerminal(
  args: readonly string[],
  {
    columns = 100,
    program = FOB,
    ...options
  }: Omit<Options, 'stdin'> & { columns?: number; program?: string } = {},
): Terminal {
  const { cwd, env } = environment(options)
  const child = Bun.spawn(
    ['python3', join(import.meta.dir, 'terminal.py'), String(columns), program, ...args],
    {
      cwd,
      env: { TERM: 'xterm-256color', ...env },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    },
  )
  let text = ''
  let seen = 0
  const watchers: (() => void)[] = []
  const wake = () => {
    for (const watcher of watchers.splice(0)) watcher()
  }
  const ended = (async () => {
    let end = { code: -1, sane: false }
    for await (const line of linesOf(child.stdout)) {
      const parsed = v.parse(message, JSON.parse(line))
      if ('out' in parsed) text += parsed.out
      else end = parsed
      wake()
    }
    await child.exited
    wake()
    return { ...end, text }
  })()
  return {
    text: () => text,
    ended,
    type: (typed) => {
      void child.stdin.write(`${JSON.stringify({ type: typed })}\n`)
      void child.stdin.flush()
    },
    saw: async (wanted) => {
      const deadline = Date.now() + WAIT_MS
      for (;;) {
        const rest = text.slice(seen)
        const at = typeof wanted === 'string' ? rest.indexOf(wanted) : rest.search(wanted)
        if (at >= 0) {
          seen += at + (typeof wanted === 'string' ? wanted : (wanted.exec(rest)?.[0] ?? '')).length
          return text
        }
        if (child.exitCode !== null || Date.now() > deadline) throw new Error(`never saw ${wanted}: ${text}`)
        await new Promise<void>((resolve) => {
          watchers.push(resolve)
          setTimeout(resolve, 200)
        })
      }
    },
  }
}

/** The address to open. */
export function addressOn(screen: string): string {
  const address = /https?:\/\/\S+/.exec(screen)?.[0]
  if (address === undefined) throw new Error(`no address on: ${screen}`)
  return address
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
