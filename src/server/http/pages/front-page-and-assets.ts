/** The front page, and the style sheet and scripts that pages load. */
import { OPEN_SCRIPT } from '../../web/people/invitation-templates.ts'
import { LOG_TEXT_SCRIPT, RUN_SCRIPT, RUN_TASKS_SCRIPT } from '../../web/run-page/run-template.ts'
import { renderMessage, STYLE_SHEET } from '../../web/login-consent-and-message-templates.ts'
import type { Handler } from '../request-context.ts'
import { hostOf } from '../handler-services.ts'
import { pageResponse } from '../response/page-response.ts'

/** `GET /`: what this is, and the one command that a visitor needs. */
export const front: Handler = async (_call, services) => {
  const { settings } = services
  const page = await renderMessage({
    title: 'This is a fob server',
    text:
      settings.strategy === 'oauth'
        ? 'It is used from the command line. Log in with:'
        : 'It is used from the command line. Have a look around with:',
    command:
      settings.strategy === 'oauth'
        ? `fob auth login -s ${settings.url}`
        : `fob pipeline list -s ${settings.url}`,
    link: { text: 'Pipelines and runs', href: '/pipelines' },
    host: hostOf(services),
  })
  return pageResponse(page)
}

/** The path that every page links to. */
export const STYLE_SHEET_PATH = '/assets/fob.css'

export function styleSheetResponse(): Response {
  return new Response(STYLE_SHEET, {
    headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'public, max-age=3600' },
  })
}

/** `GET /assets/fob.css` */
export const styleSheet: Handler = () => styleSheetResponse()

/** `GET /assets/run.js` */
export const runScript: Handler = () => script(RUN_SCRIPT)

/** `GET /assets/run-tasks.js` */
export const runTasksScript: Handler = () => script(RUN_TASKS_SCRIPT)

/** `GET /assets/open-invitation.js` */
export const openInvitationScript: Handler = () => script(OPEN_SCRIPT)

/** `GET /assets/log-text.js` */
export const logTextScript: Handler = () => script(LOG_TEXT_SCRIPT)

function script(text: string): Response {
  return new Response(text, {
    headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=3600' },
  })
}
