/** Checks the types of a file with the TypeScript compiler of this machine, if there is one. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, isAbsolute, join } from 'node:path'
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
  const compiler = findCompiler(env)
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

/** In PATH alone: one that stands beside the file came with it, and would be run by nothing but looking at the file. */
function findCompiler({ PATH = '' }: Env): string | undefined {
  const folders = PATH.split(delimiter).filter((folder) => isAbsolute(folder))
  return Bun.which('tsc', { PATH: folders.join(delimiter) }) ?? undefined
}

/** `deploy.ts(3,14): error` → `deploy.ts:3:14: error`, as fob says places. */
function withPlace(line: string): string {
  return line.replace(/^(.+?)\((\d+),(\d+)\): /, '$1:$2:$3: ')
}
