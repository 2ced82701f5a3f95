import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Clock } from '../platform/clock.ts'
import { readPrivateFile } from '../platform/files/private-files.ts'
import { replaceLocked } from './locked-file-rewrite.ts'
import type { FoundProject } from './project-file.ts'

/**
 * Which project files the user has said yes or no to: by path and by what stood in them, so that a file that
 * has changed is a new question.
 */
const schema = v.object({
  files: v.record(v.string(), v.object({ sha256: v.string(), answer: v.picklist(['yes', 'no']) })),
})
type Trusted = v.InferOutput<typeof schema>

export type TrustAnswer = 'yes' | 'no'

/** What the user said to this very file; undefined when they were not asked, or it has changed since. */
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

/** Whatever is wrong with the file, nothing is trusted then. */
function read(home: string): Trusted {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readPrivateFile(pathOf(home)) ?? '{}'))
    return parsed.success ? parsed.output : { files: {} }
  } catch {
    return { files: {} }
  }
}

/** One file has one name, whichever way led to it. */
function keyOf({ path }: FoundProject): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
