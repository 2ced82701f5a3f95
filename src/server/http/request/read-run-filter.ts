/** Reads which runs a request asks for: `?pipeline=&status=&by=&since=&until=`. */
import * as v from 'valibot'
import { parseTimeOrAge, TIME_FORMS } from '../../../contract/parse-time-or-age.ts'
import { runStatus } from '../../../contract/run-events.ts'
import type { RunFilter } from '../../runs/journal/list-runs.ts'
import { HttpError } from '../response/http-error.ts'

/** Longer than any e-mail address or name of a token. */
const MAX_BY = 320

/** @throws HttpError 400 for a status that no run has, and for a time that cannot be read */
export function readRunFilter(query: URLSearchParams, now: number): RunFilter {
  return {
    pipelineName: query.get('pipeline') ?? undefined,
    status: readStatus(query.get('status')),
    by: readBy(query.get('by')),
    since: readTime('since', query.get('since'), now),
    until: readTime('until', query.get('until'), now),
  }
}

function readStatus(text: string | null): RunFilter['status'] {
  if (text === null) return undefined
  const status = v.safeParse(runStatus, text)
  if (status.success) return status.output
  throw new HttpError(400, 'invalid_request', `status takes one of ${runStatus.options.join(', ')}`)
}

function readBy(text: string | null): string | undefined {
  if (text === null) return undefined
  if (text !== '' && text.length <= MAX_BY) return text
  throw new HttpError(400, 'invalid_request', 'by takes part of a name, schedule or webhook')
}

function readTime(name: 'since' | 'until', text: string | null, now: number): number | undefined {
  if (text === null) return undefined
  const ms = parseTimeOrAge(text, now, name === 'since' ? 'start' : 'end')
  if (ms !== undefined) return ms
  throw new HttpError(400, 'invalid_request', `${name} takes ${TIME_FORMS}`)
}
