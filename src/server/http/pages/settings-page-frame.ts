/** What every settings page shows around its own part, and the session that it belongs to. */
import { isAdministrator } from '../../access-rules/principal.ts'
import type { SettingsView } from '../../web/settings-page-layout.ts'
import type { Call } from '../request-context.ts'
import { hostOf, type Services } from '../handler-services.ts'
import { accountName } from './logged-in-person-name.ts'

export function settingsView(
  call: Call,
  services: Pick<Services, 'settings'>,
): Omit<SettingsView, 'title' | 'current'> {
  return {
    account: accountName(call.principal),
    administrator: isAdministrator(call.principal),
    csrf: sessionOf(call).csrf,
    host: hostOf(services),
  }
}

/** The session of a page whose guard is `session`. */
export function sessionOf({ session }: Call): NonNullable<Call['session']> {
  if (!session) throw new Error('a settings page without the session guard')
  return session
}
