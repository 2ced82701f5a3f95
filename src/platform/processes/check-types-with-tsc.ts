/** Checks the types of a file with the TypeScript compiler of this machine, if there is one. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { childEnv, type Env } from './own-and-child-environment.ts'

export type TypeCheck =
  /** There is no compiler here. */
  | { kind: 'no compiler' }
  | { kind: 'ok'; compiler: string }
  /** What it says, a line each: `deploy.ts:3:14: error TS2322: …`. */
  | { kind: 'wrong'; compiler: string; lines: string[] }

/**
 * Beside the declarations, and nothing else: no settings or packages of the folder where the file stands count.
 * @param declarations the text of a `.d.ts` file of globals
 */
export async function checkTypes(
  { file, declarations }: { file: string; declarations: string },
  { env, signal }: { env: Env; signal: AbortSignal },
): Promise<TypeCheck> {
  const compiler = findCompiler(dirname(resolve(file)), env)
  if (compiler === undefined) return { kind: 'no compiler' }
  const folder = await mkdtemp(join(tmpdir(), 'fob-check-'))
  try {
    const name = basename(file)
    await copyFile(file, join(folder, name))
    await writeFile(join(folder, 'fob.d.ts'), declarations)
    const flags = ['--noEmit', '--target', 'esnext', '--lib', 'esnext', '--types', '', '--pretty', 'false']
    const tsc = Bun.spawn([compiler, ...flags, 'fob.d.ts', name], {
      cwd: folder,
      env: childEnv(env),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
      signal,
    })
    const said = await new Response(tsc.stdout).text()
    if ((await tsc.exited) === 0) return { kind: 'ok', compiler }
    signal.throwIfAborted()
    return { kind: 'wrong', compiler, lines: said.split(/\r?\n/).filter(Boolean).map(withPlace) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** That of the project before that of the machine. */
function findCompiler(from: string, env: Env): string | undefined {
  const own = join(from, 'node_modules', '.bin', 'tsc')
  if (existsSync(own)) return own
  const up = dirname(from)
  return up === from ? (Bun.which('tsc', { PATH: env.PATH ?? '' }) ?? undefined) : findCompiler(up, env)
}

/** `deploy.ts(3,14): error` → `deploy.ts:3:14: error`, as fob says places. */
function withPlace(line: string): string {
  return line.replace(/^(.+?)\((\d+),(\d+)\): /, '$1:$2:$3: ')
}
