/** The list of runs as a page, with its filters. */
import { renderRuns, type RunFilterTexts } from '../../web/run-list-template.ts'
import type { Services } from '../handler-services.ts'
import { readRunFilter } from '../request/read-run-filter.ts'
import type { Call, Handler } from '../request-context.ts'
import { HttpError } from '../response/http-error.ts'
import { pageResponse, sentence } from '../response/page-response.ts'
import { frameView, hrefInTenant } from './page-frame-view.ts'
import { nextHref, runsOf, toLine } from './run-list-view.ts'

const PAGE = 50
/** More names than a person reads through; any other can be typed. */
const MAX_SUGGESTED = 200

/** `GET /runs[?pipeline=][&status=][&by=][&since=][&until=][&cursor=]` */
export const runsPage: Handler = async (call, services) => {
  const given = givenFilters(call)
  const found = await find(call, services, given)
  const filter: RunFilterTexts = { pipeline: '', status: '', by: '', since: '', until: '', ...given }
  const page = await renderRuns({
    ...(await frameView(call, services)),
    filter,
    given,
    suggested: await suggestions(call, services),
    clearHref: hrefInTenant(call, '/runs'),
    runs: found.runs,
    nextHref: nextHref(call, 'cursor', found.next, given),
    problem: found.problem,
  })
  return pageResponse(page, found.problem === undefined ? 200 : 400)
}

const FILTERS = ['pipeline', 'status', 'by', 'since', 'until'] as const

/** What the address says of filters. A field that was left empty is none. */
function givenFilters({ url }: Call): Partial<RunFilterTexts> {
  return Object.fromEntries(
    FILTERS.flatMap((name) => {
      const text = (url.searchParams.get(name) ?? '').trim()
      return text === '' ? [] : [[name, text]]
    }),
  )
}

async function find(call: Call, services: Services, given: Partial<RunFilterTexts>) {
  const cursor = call.url.searchParams.get('cursor') ?? undefined
  try {
    const filter = readRunFilter(new URLSearchParams(given), services.clock.now())
    const { items, next } = await runsOf(call, services, { ...filter, cursor, limit: PAGE })
    return { runs: items.map((run) => toLine(call, run)), next, problem: undefined }
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 400) throw error
    return { runs: [], next: null, problem: sentence(error.message) }
  }
}

/** What the fields offer: no names but of pipelines that the caller sees, and their own. */
async function suggestions({ principal }: Call, { pipelines }: Services) {
  const seen = principal.scopes.has('pipelines:read') ? await pipelines.names(principal) : []
  const names = seen.slice(0, MAX_SUGGESTED).map(({ name }) => name)
  const own = principal.email === null ? [] : [principal.email]
  return { pipelines: names.toSorted(), by: [...own, 'schedule', 'webhook'] }
}
