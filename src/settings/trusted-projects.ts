/** The project files that the user has allowed or refused, by path and content: a changed file needs a new reply. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Clock } from '../platform/clock.ts'
import { readPrivateFile } from '../platform/files/read-private-files.ts'
import { replaceLocked } from './locked-file-rewrite.ts'
import type { FoundProject } from './project-file.ts'

const schema = v.object({
  files: v.record(v.string(), v.object({ sha256: v.string(), answer: v.picklist(['yes', 'no']) })),
})
type Trusted = v.InferOutput<typeof schema>

export type TrustAnswer = 'yes' | 'no'

/** The user's answer for this content; undefined when they were not asked, or the file has changed since. */
export function trustOf(home: string, project: FoundProject): TrustAnswer | undefined {
  const known = read(home).files[keyOf(project)]
  return known?.sha256 === project.sha256 ? known.answer : undefined
}

/** Remembers the user's answer for this file as it is now. */
export function setTrust(
  home: string,
  project: FoundProject,
  answer: TrustAnswer,
  options: { clock: Clock; signal: AbortSignal },
): Promise<void> {
  return replaceLocked(pathOf(home), options, async () => {
    const trusted = read(home)
    trusted.files[keyOf(project)] = { sha256: project.sha256, answer }
    return `${JSON.stringify(trusted, null, 2)}\n`
  })
}

function pathOf(home: string): string {
  return join(home, 'trusted.json')
}

/** Of a file that is damaged or unreadable, nothing is trusted. */
function read(home: string): Trusted {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readPrivateFile(pathOf(home)) ?? '{}'))
    return parsed.success ? parsed.output : { files: {} }
  } catch {
    return { files: {} }
  }
}

/** The path without symbolic links, so that a file has one key. */
function keyOf({ path }: FoundProject): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
