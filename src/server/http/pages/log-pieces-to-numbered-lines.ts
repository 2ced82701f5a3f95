/** Pieces of a run's output as lines of text with colours. */
import { type EarlierLines, type LogPiece, streamKey } from '../../runs/log/read-log-backwards.ts'
import { type Stretch, stretches } from '../../web/log-line-colours-and-errors.ts'

interface LogLine {
  /** Its number among all lines of the run, from 1; undefined where that is not known. */
  number: number | undefined
  task: string | undefined
  stream: 'stdout' | 'stderr'
  /** The attempt whose first line it is, of every attempt but the first. */
  startsAttempt: number | undefined
  parts: readonly Stretch[]
}

/**
 * Tasks print at the same time, so each stream has an unfinished line of its own, which stands where it started.
 * Control sequences that move a terminal's cursor are removed; of a line that was overwritten, the last state remains.
 * @param before what came before the pieces; undefined where that is not known, so that no line has a number. The
 * rest of a line that started there has no number either.
 */
export function toLines(pieces: readonly LogPiece[], before: EarlierLines | undefined): LogLine[] {
  const lines: { number: number | undefined; piece: LogPiece; text: string }[] = []
  const open = new Map<string, (typeof lines)[number]>()
  const cut = new Set(before?.open)
  let last = before?.count
  for (const piece of pieces) {
    // What an earlier attempt left without an end stays so.
    if (piece.startsAttempt !== undefined) open.clear()
    const key = streamKey(piece)
    for (const part of piece.data.split(/(?<=\n)/)) {
      let line = open.get(key)
      if (line === undefined) {
        const isRest = cut.delete(key)
        if (last !== undefined && !isRest) last += 1
        line = { number: isRest ? undefined : last, piece, text: '' }
        lines.push(line)
      }
      line.text += part
      if (part.endsWith('\n')) open.delete(key)
      else open.set(key, line)
    }
  }
  const isFirstOf = new Set<LogPiece>()
  return lines.map(({ number, piece, text }) => {
    const { task, stream } = piece
    const startsAttempt = isFirstOf.has(piece) ? undefined : piece.startsAttempt
    isFirstOf.add(piece)
    return { number, task, stream, startsAttempt, parts: stretches(text.replace(/\r?\n$/, '')) }
  })
}
