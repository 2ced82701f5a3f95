/** The device flow's part of the provider's configuration (RFC 8628). */
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { DEVICE_PATH } from '../protocol-page-paths.ts'
import type { DevicePages, DeviceProblem, ErrorPage, RenderedPage } from './protocol-page-types.ts'

/** How the bridge hands over a code that came in a link; callers cannot send it. */
export const USER_CODE_HEADER = 'x-fob-user-code'

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>

/** The device flow's part of the provider's configuration. */
export function deviceFlow(pages: DevicePages, errorPage: ErrorPage): DeviceFlow {
  return {
    enabled: true,
    // RFC 8628 §6.1: without vowels no words; 20^8 codes for ten minutes, guesses are counted.
    charset: 'base-20',
    mask: '****-****',
    deviceInfo: (ctx) => ({ address: ctx.ip, userAgent: ctx.get('user-agent').slice(0, 300) }),
    userCodeInputSource: async (ctx, form, out, error) => {
      if (error !== undefined && letGoOfNewSession(ctx)) {
        const page = await errorPage({ error: textOf(out?.error), description: out?.error_description })
        return render(ctx, page)
      }
      if (error?.name === 'AbortedError') return render(ctx, await pages.denied())
      const problem = problemOf(error)
      const typed = error && 'userCode' in error ? error.userCode : ctx.get(USER_CODE_HEADER) || undefined
      const userCode = typeof typed === 'string' ? typed.slice(0, 40) : undefined
      render(ctx, await pages.enterCode({ action: DEVICE_PATH, xsrf: xsrfOf(form), userCode, problem }))
    },
    userCodeConfirmSource: async (ctx, form, client, device, userCode) => {
      const view = {
        action: DEVICE_PATH,
        xsrf: xsrfOf(form),
        userCode,
        clientName: client.clientName ?? client.clientId,
        address: textOf(device.address),
        program: programOf(textOf(device.userAgent)),
      }
      render(ctx, await pages.confirmCode(view))
    },
    successSource: async (ctx) => {
      const client = ctx.oidc.client
      render(ctx, await pages.done({ clientName: client?.clientName ?? client?.clientId ?? 'your device' }))
    },
  }
}

/**
 * A request that fails before there is a session came without our cookie: no form of ours can have been sent,
 * and none that is shown now could work. The library would still want to store that session, and fail.
 * @returns whether it was so
 */
function letGoOfNewSession({ oidc: { session } }: KoaContextWithOIDC): boolean {
  const stored: { exp?: number } | undefined = session
  if (stored?.exp !== undefined) return false
  if (session) Object.assign(session, { touched: false })
  return true
}

function render(ctx: KoaContextWithOIDC, { html, headers }: RenderedPage): void {
  ctx.set(headers)
  ctx.type = 'html'
  ctx.body = html
}

/** The library renders forms of its own; what ours need of them is the value that ties them to the browser. */
function xsrfOf(form: string): string {
  return /name="xsrf" value="([0-9a-f]+)"/.exec(form)?.[1] ?? ''
}

const PROBLEMS: Readonly<Record<string, DeviceProblem>> = {
  NotFoundError: 'unknown',
  ExpiredError: 'expired',
  AlreadyUsedError: 'used',
  NoCodeError: 'missing',
}

function problemOf(error: Error | undefined): DeviceProblem | undefined {
  return error && (PROBLEMS[error.name] ?? 'stale')
}

/** `fob 0.1.0 on HOST` for our own command line; any other program as it calls itself. */
export function programOf(userAgent: string): string {
  const [, version, host] = /^fob\/([\w.+-]{1,40})(?: \(([\w.-]{1,64})\))?$/.exec(userAgent) ?? []
  if (version === undefined) return userAgent
  return host === undefined ? `fob ${version}` : `fob ${version} on ${host}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
