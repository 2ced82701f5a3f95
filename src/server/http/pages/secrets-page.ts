/** The page of secrets: their names, and forms that set and delete one. Values are never shown. */
import * as v from 'valibot'
import { secretKey } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { secretsSeenBy } from '../../pipelines/visible-secret-names.ts'
import type { FormResult } from '../../web/form-result.ts'
import { renderSecrets } from '../../web/secrets-template.ts'
import { findPipelineByName } from '../api/find-pipeline.ts'
import { formOf } from '../guards/session-or-credential-page-guard.ts'
import type { Services } from '../handler-services.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import { pageResponse } from '../response/page-response.ts'
import { deleteSecretAt, placeInTenant, setSecret } from '../set-and-delete-secrets.ts'
import { attempt } from './attempt-form.ts'
import { frameView } from './page-frame-view.ts'

/** The names on the page at most. With more, its filter finds one. */
const SHOWN = 200

/** `GET /secrets[?find=]`: `find` is a part of a key or of the name of a pipeline. */
export const secretsPage: Handler = (call, services) => show(call, services)

/** An empty `pipeline` means all of them. */
const place = { csrf: v.optional(v.string()), key: v.pipe(v.string(), v.trim()), pipeline: v.string() }
const forms = v.variant('do', [
  v.object({ ...place, do: v.literal('set'), value: v.string(), short: v.optional(v.literal('yes')) }),
  v.object({ ...place, do: v.literal('delete') }),
])
type SecretForm = v.InferOutput<typeof forms>

/** `POST /secrets`: sets one, or deletes one. */
export const secretSubmit: Handler = async (call, services) => {
  const asked = parseForm(formOf(call), forms)
  if (asked === undefined) {
    return show(call, services, { problem: 'That form could not be read. Nothing was changed.' })
  }
  return show(call, services, await attempt(() => apply(asked, call, services)))
}

async function apply(asked: SecretForm, call: Call, services: Services): Promise<string> {
  const key = v.safeParse(secretKey, asked.key)
  if (!key.success) throw new Fault('usage', key.issues[0].message)
  const pipeline =
    asked.pipeline === '' ? undefined : await findPipelineByName(asked.pipeline, call, services)
  const at = placeInTenant(call, key.output, pipeline)
  const of = pipeline === undefined ? 'of all pipelines' : `of ${pipeline.name}`
  if (asked.do === 'delete') {
    await deleteSecretAt(call, services, at)
    return `Deleted ${key.output} ${of}.`
  }
  const value = withoutCarriageReturns(asked.value)
  await setSecret(call, services, { place: at, value, allowShort: asked.short === 'yes' })
  return `Set ${key.output} ${of}.`
}

/** Browsers send every line end of a field as CR LF (HTML, "multipart and urlencoded form data"). */
function withoutCarriageReturns(text: string): string {
  return text.replaceAll('\r\n', '\n')
}

async function show(call: Call, services: Services, result: FormResult = {}): Promise<Response> {
  const { principal, url } = call
  const find = url.searchParams.get('find') ?? ''
  const seen = await secretsSeenBy(principal, services)
  const found = seen.filter(
    ({ entry, pipelineName }) => hasPart(entry.key, find) || hasPart(pipelineName, find),
  )
  const mayChange = principal.scopes.has('secrets:write')
  const pipelines = mayChange ? await services.pipelines.names(principal) : []
  const page = await renderSecrets({
    ...(await frameView(call, services)),
    ...result,
    find,
    secrets: found.slice(0, SHOWN).map(({ entry, pipelineName }) => ({
      key: entry.key,
      pipeline: pipelineName,
      ofServer: entry.scope === 'server',
      updatedAt: entry.updatedAt,
      lastUsed: entry.lastUsed,
    })),
    hidden: Math.max(0, found.length - SHOWN),
    pipelines: pipelines.map(({ name }) => name).toSorted(),
    mayChange,
    mayChangeGlobal: mayChange && principal.pipelines === null,
  })
  return pageResponse(page, result.problem === undefined ? 200 : 400)
}

function hasPart(text: string | undefined, part: string): boolean {
  return text !== undefined && text.toLowerCase().includes(part.trim().toLowerCase())
}
