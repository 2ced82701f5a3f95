/** Reads the files that `fob pipeline set` uploads: the source, and a dotenv file of secrets. */
import { MAX_SOURCE_BYTES } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import { parseDotenv } from '../../platform/files/dotenv.ts'
import { Secret } from '../../redact/secret.ts'
import type { Deps } from '../deps.ts'
import { readNamedFile } from './read-named-file.ts'

/** Values are smaller each; the server takes 10 MiB in all. */
const MAX_SECRET_FILE_BYTES = 10 * 1024 * 1024

/** @throws Fault `usage` naming the line that is wrong, never what stands in it */
export async function readSecretFile(path: string | undefined, deps: Deps): Promise<Map<string, string>> {
  if (path === undefined) return new Map()
  const text = new Secret(await readNamedFile(path, { limitBytes: MAX_SECRET_FILE_BYTES }, deps))
  if (!text.isText) throw new Fault('usage', `${path} is not UTF-8 text`)
  const parsed = parseDotenv(text.reveal())
  if (parsed.ok) return parsed.values
  throw new Fault('usage', `${path}:${parsed.line}: ${parsed.problem}`, {
    hint: 'put a value of more than one line into quotes',
  })
}

/** @throws Fault `usage` when it is empty, too large or not UTF-8: then with the first such line */
export async function readPipelineSource(file: string, deps: Deps): Promise<string> {
  const bytes = await readNamedFile(file, { limitBytes: MAX_SOURCE_BYTES }, deps)
  if (bytes.length === 0) throw new Fault('usage', `${file} is empty`)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Fault('usage', `${file}:${firstBadLine(bytes, decoder)}: this is not UTF-8 text`)
  }
}

function firstBadLine(bytes: Uint8Array, decoder: TextDecoder): number {
  let line = 1
  for (let from = 0; from < bytes.length; line++) {
    // No other character has this byte in it.
    const end = bytes.indexOf(10, from) + 1 || bytes.length
    try {
      decoder.decode(bytes.subarray(from, end))
    } catch {
      return line
    }
    from = end
  }
  return line
}
