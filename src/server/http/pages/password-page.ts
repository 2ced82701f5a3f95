/** The page on which people change their own password. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { LOCAL } from '../../accounts/local-accounts.ts'
import type { FormResult } from '../../web/form-result.ts'
import { renderPassword } from '../../web/people/password-template.ts'
import { changeOwnPassword, PASSWORD_PLACES } from '../change-own-password.ts'
import { attemptHeaders } from '../guards/rate-limits.ts'
import type { Services } from '../handler-services.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import { pageResponse, sentence } from '../response/page-response.ts'
import { sessionOf, settingsView } from './page-frame-view.ts'

/** `GET /settings/password` */
export const passwordPage: Handler = (call, services) => show(call, services, 200)

const password = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024))
const passwordForm = v.object({ current: password, password, again: password })

/** `POST /settings/password` */
export const passwordSubmit: Handler = async (call, services) => {
  const { user, uid, form } = sessionOf(call)
  const asked = parseForm(form, passwordForm)
  if (!asked) return show(call, services, 400, { problem: 'That form could not be read.' })
  if (asked.password !== asked.again) {
    return show(call, services, 400, { problem: 'The two new passwords differ. Nothing was changed.' })
  }
  const passwords = { current: new Secret(asked.current), password: new Secret(asked.password) }
  const change = await tryToChange({ user, keep: { kind: 'browser', uid }, ...passwords }, call, services)
  if (change.kind === 'changed') {
    const notice = 'Your password was changed. All other logins of yours have ended.'
    return show(call, services, 200, { notice })
  }
  if (change.kind === 'wait') {
    const problem = `Too many attempts. Try again in ${change.seconds} seconds.`
    return show(call, services, 429, { problem }, attemptHeaders(change.seconds))
  }
  return show(call, services, 400, { problem: problemOf(change) })
}

type Change = Awaited<ReturnType<typeof changeOwnPassword>> | { kind: 'unacceptable'; why: string }

/** The same, with a new password that is not accepted as an outcome instead of a fault. */
async function tryToChange(...args: Parameters<typeof changeOwnPassword>): Promise<Change> {
  try {
    return await changeOwnPassword(...args)
  } catch (error) {
    if (error instanceof Fault && error.code === 'usage') return { kind: 'unacceptable', why: error.message }
    throw error
  }
}

function problemOf(change: Exclude<Change, { kind: 'changed' | 'wait' }>): string {
  if (change.kind === 'unacceptable') return sentence(change.why)
  if (change.kind === 'refused') return 'The current password is not right. Nothing was changed.'
  return 'This account has no password here. Nothing was changed.'
}

async function show(
  call: Call,
  services: Services,
  status: number,
  result: FormResult = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const { user } = sessionOf(call)
  const elsewhere = user.provider === LOCAL ? undefined : (PASSWORD_PLACES[user.provider] ?? user.provider)
  const page = await renderPassword({
    ...(await settingsView(call, services)),
    ...result,
    email: user.email ?? '',
    elsewhere,
  })
  return pageResponse(page, status, headers)
}
