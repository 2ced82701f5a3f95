/** Refusals and failures of the authorization server, written to the server's log. */
import type { EventEmitter } from 'node:events'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Log } from '../../log.ts'

export function logEvents(provider: Provider, log: Log): void {
  const refused = (ctx: KoaContextWithOIDC, error: Error & { error_detail?: string | undefined }) =>
    log.info('authorization server refused a request', {
      route: ctx.oidc?.route ?? ctx.path,
      error: error.message,
      detail: error.error_detail,
    })
  provider.on('authorization.error', refused)
  provider.on('grant.error', refused)
  provider.on('revocation.error', refused)
  provider.on('code_verification.error', refused)
  provider.on('device_resume.error', refused)
  const failed = (ctx: KoaContextWithOIDC, error: Error) =>
    log.error('authorization server failed', {
      route: ctx.oidc?.route ?? ctx.path,
      error: `${error.name}: ${error.message}`,
    })
  provider.on('server_error', failed)
  // Without a listener, the library prints what fails outside its own handlers to standard error.
  const app: Pick<EventEmitter, 'on'> = provider
  app.on('error', (error: Error, ctx: KoaContextWithOIDC) => failed(ctx, error))
}
