/** `.fob.toml` in a project folder: which server, tenant and account belong to the project. */
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { homeFolder } from '../platform/files/home-folder.ts'
import { readSmallFile } from '../platform/files/read-private-files.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'

/**
 * It comes with a repository, so somebody else wrote it: it never holds a token or a command, and is not used before
 * the user has trusted exactly this content (`trusted-projects.ts`).
 */
export const PROJECT_FILE = '.fob.toml'

const MAX_BYTES = 16 * 1024
const KEYS = ['server', 'tenant', 'account'] as const

const schema = v.object({
  server: v.optional(v.pipe(v.string(), v.nonEmpty())),
  tenant: v.optional(v.pipe(v.string(), v.nonEmpty())),
  account: v.optional(v.pipe(v.string(), v.nonEmpty())),
})

export interface FoundProject {
  path: string
  /** SHA-256 of `text`, in hex. */
  sha256: string
  text: string
}

export interface Project extends v.InferOutput<typeof schema> {
  path: string
}

/**
 * The nearest `.fob.toml`, from `folder` upwards to the home folder or to the root. Anything but a small regular
 * file is passed over.
 */
export function findProject(folder: string): FoundProject | undefined {
  const home = homeFolder()
  for (let at = folder; ; at = dirname(at)) {
    const found = readProjectFile(join(at, PROJECT_FILE))
    if (found !== undefined) return found
    if (at === home || at === dirname(at)) return undefined
  }
}

/** Undefined without such a file, and for one that is not small and regular. */
export function readProjectFile(path: string): FoundProject | undefined {
  const text = readSmallFile(path, MAX_BYTES)
  if (text === undefined) return undefined
  return { path, text, sha256: new Bun.CryptoHasher('sha256').update(text).digest('hex') }
}

/** @throws Fault `config` naming the position of the error, or the key that is not allowed; never a value. */
export async function parseProject({ path, text }: FoundProject): Promise<Project> {
  const { parseToml } = await import('../platform/files/toml.ts')
  const result = parseToml(text)
  const where = safeLine(path)
  if (!result.ok) {
    throw new Fault('config', `${where} is not valid TOML (line ${result.line}, column ${result.column})`)
  }
  const foreign = Object.keys(result.table).find((key) => !KEYS.some((known) => known === key))
  if (foreign !== undefined) {
    throw new Fault('config', `${where}: "${safeLine(foreign, 60)}" is not allowed in a project's file`, {
      hint: `it may name ${KEYS.slice(0, -1).join(', ')} and ${KEYS.at(-1)}, and nothing else`,
    })
  }
  const parsed = v.safeParse(schema, result.table)
  if (parsed.success) return { path, ...parsed.output }
  const key = v.getDotPath(parsed.issues[0]) ?? 'a key'
  throw new Fault('config', `${where}: "${key}" has the wrong type`, { hint: 'it is a text in quotes' })
}
