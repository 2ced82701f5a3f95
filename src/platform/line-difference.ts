/** The difference of two texts, line by line, as a unified diff. */
import { formatPatch, OMIT_HEADERS, structuredPatch, type StructuredPatchHunk } from 'diff'

export interface LineDifference {
  /** The hunks of a unified diff (POSIX diff -u), without the two lines of names in front; empty: no difference. */
  hunks: string
  /** Lines. */
  added: number
  removed: number
  /** False: the texts differ too much to be compared in a moment, so that what differs is one replaced block. */
  compared: boolean
}

const CONTEXT_LINES = 3
/**
 * Removed and added lines up to which the shortest difference is searched for, which takes time by the square of them:
 * 1.3 s at 3,000.
 */
const MAX_EDITS = 3000

/** What has to be removed from `before` and added to it so that it becomes `after`. */
export function lineDifference(before: string, after: string): LineDifference {
  const found = structuredPatch('', '', before, after, undefined, undefined, {
    context: CONTEXT_LINES,
    maxEditLength: MAX_EDITS,
  })
  const hunks = found?.hunks ?? [replacedBlock(splitLines(before), splitLines(after))]
  const count = (sign: string) =>
    hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.startsWith(sign)).length, 0)
  return {
    hunks: hunks.length === 0 ? '' : formatPatch(asPatch(hunks), OMIT_HEADERS),
    added: count('+'),
    removed: count('-'),
    compared: found !== undefined,
  }
}

function asPatch(hunks: StructuredPatchHunk[]) {
  return { oldFileName: '', newFileName: '', oldHeader: undefined, newHeader: undefined, hunks }
}

/** All between the lines that both begin with and the lines that both end with, as one hunk. */
function replacedBlock(before: readonly string[], after: readonly string[]): StructuredPatchHunk {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && before[head] === after[head]) head++
  let tail = 0
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const from = Math.max(0, head - CONTEXT_LINES)
  const behind = Math.min(tail, CONTEXT_LINES)
  const oldEnd = before.length - tail
  const newEnd = after.length - tail
  const lines = [
    ...before.slice(from, head).map((line) => ` ${line}`),
    ...before.slice(head, oldEnd).map((line) => `-${line}`),
    ...after.slice(head, newEnd).map((line) => `+${line}`),
    ...before.slice(oldEnd, oldEnd + behind).map((line) => ` ${line}`),
  ]
  return {
    oldStart: from + 1,
    oldLines: oldEnd + behind - from,
    newStart: from + 1,
    newLines: newEnd + behind - from,
    lines: lines.flatMap((line) =>
      line.endsWith('\n') ? [line.slice(0, -1)] : [line, '\\ No newline at end of file'],
    ),
  }
}

/** Each with its line end. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}
