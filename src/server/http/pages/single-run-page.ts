/** One run as a page, and its buttons. */
import * as v from 'valibot'
import { isFinal } from '../../../contract/run-events.ts'
import { Fault } from '../../../contract/fault.ts'
import type { RunRecord } from '../../runs/journal/read-run-records.ts'
import { describeOrigin } from '../../../contract/run-origin.ts'
import { attemptsOf, timesOf } from '../../runs/journal/run-attempts.ts'
import type { RunFacts } from '../../web/run-page/run-facts-template.ts'
import { type RunAgain, renderRun } from '../../web/run-page/run-template.ts'
import { HttpError } from '../response/http-error.ts'
import { frameView, hrefInTenant } from './page-frame-view.ts'
import { nextHref } from './run-list-view.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { toLines } from './log-pieces-to-numbered-lines.ts'
import { formOf } from '../guards/session-or-credential-page-guard.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { parseForm } from '../request/form-body.ts'
import type { Services } from '../handler-services.ts'
import { findRun, findRunToFollow, resume } from '../api/runs.ts'
import { startAgain } from '../start-run-again.ts'
import { pageResponse, sentence } from '../response/page-response.ts'

/** `GET /runs/:id[?before=EVENT]` */
export const runPage: Handler = (call, services) => show(call, services)

const forms = v.object({ csrf: v.string(), do: v.picklist(['stop', 'resume', 'again']) })

/** `POST /runs/:id`: stops it, resumes it, or starts another run with the same input. */
export const runSubmit: Handler = async (call, services) => {
  const run = await findRun(call, services)
  const asked = parseForm(formOf(call), forms)
  if (!asked) return await show(call, services, 'That form could not be read. Nothing was changed.', 400)
  try {
    if (asked.do === 'again') return await again(call, services)
    if (asked.do === 'stop') await stop(run, call, services)
    else await resume(run, call, services)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const hint = error.hint === undefined ? '' : ` ${sentence(error.hint)}`
    return await show(call, services, `That was not done: ${error.message}.${hint}`, 409)
  }
  const details = { pipeline: run.pipelineName }
  services.audit.record({ ...by(call), action: `run.${asked.do}`, target: run.id, details })
  return redirect(hrefInTenant(call, `/runs/${run.id}`))
}

async function again(call: Call, services: Services): Promise<Response> {
  const { runId } = await startAgain(await findRunToFollow(call, services), call, services)
  return redirect(hrefInTenant(call, `/runs/${runId}`))
}

async function stop(run: RunRecord, { principal }: Call, { runs }: Services): Promise<void> {
  const who = principal.email ?? principal.id
  if (await runs.stop(run.tenantId, run.id, `stopped by ${who}`)) return
  throw new Fault('conflict', 'the run had ended already')
}

/** Which button the caller gets. */
function actionFor({ status, logRemovedAt }: RunRecord, { principal }: Call): 'stop' | 'resume' | undefined {
  if (!principal.scopes.has('runs:trigger') || status === 'success') return undefined
  if (!isFinal(status)) return 'stop'
  return logRemovedAt === null ? 'resume' : undefined
}

async function show(call: Call, services: Services, problem?: string, status = 200): Promise<Response> {
  const run = await findRun(call, services)
  const before = readBefore(call)
  const pipeline = await services.pipelines.get(call.principal, run.pipelineName)
  const { pieces, earlier, before: earlierLines } = await services.runs.logPage(run.id, before)
  const view = await frameView(call, services)
  const { id, pipelineName, message } = run
  const page = await renderRun({
    ...view,
    id,
    pipeline: pipelineName,
    pipelineHref:
      pipeline?.id === run.pipelineId
        ? `/pipelines/${encodeURIComponent(pipelineName)}${view.query}`
        : undefined,
    status: run.status,
    message,
    facts: await factsOf(run, call, services),
    tasks: run.tasks,
    lines: toLines(pieces, earlierLines),
    earlierHref: nextHref(call, 'before', earlier),
    logRemovedAt: run.logRemovedAt,
    action: actionFor(run, call),
    again: await againFor(run, pipeline, call, services),
    sourceChanged: (await services.runs.sourceChanged(run)) === true,
    problem,
  })
  return pageResponse(page, status)
}

/** Whether the caller gets the button that starts the run again; else why not, where that is to be said. */
async function againFor(
  run: RunRecord,
  pipeline: { id: string; paused: boolean } | undefined,
  { principal }: Call,
  { runs }: Services,
): Promise<RunAgain> {
  const isThere = pipeline?.id === run.pipelineId && !pipeline.paused
  if (!isThere || !isFinal(run.status) || !principal.scopes.has('runs:trigger')) return { kind: 'no' }
  try {
    await runs.inputOf(run)
    return { kind: 'yes' }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { kind: 'because', why: sentence(error.message) }
  }
}

async function factsOf(run: RunRecord, call: Call, { pipelines }: Services): Promise<RunFacts> {
  const { triggeredBy, tokenName, origin, task, args, timeoutMs, createdAt } = run
  const attempts = attemptsOf(run).map((attempt) => Object.assign(attempt, timesOf(attempt)))
  const from = origin === null ? undefined : describeOrigin(origin)
  const repeated = run.repeats === null ? undefined : await pipelines.runOf(call.principal, run.repeats)
  return {
    triggeredBy,
    tokenName,
    from,
    task,
    args,
    timeoutMs,
    createdAt,
    attempts,
    repeats: repeated && {
      id: repeated.id,
      href: hrefInTenant(call, `/runs/${repeated.id}`),
      sourceChanged: repeated.sourceSha256 !== null && repeated.sourceSha256 !== run.sourceSha256,
    },
  }
}

function readBefore({ url }: Call): number | undefined {
  const text = url.searchParams.get('before')
  if (text === null) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new HttpError(400, 'invalid_request', 'before takes the number of an event')
}
