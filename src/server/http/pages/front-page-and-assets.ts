/** The front page, and the style sheet and scripts that pages load. */
import { type ScriptPath, SCRIPTS } from '../../web/browser-scripts/script-texts.ts'
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

/** `GET /assets/….js` */
export function script(path: ScriptPath): Handler {
  return () =>
    new Response(SCRIPTS[path], {
      headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=3600' },
    })
}
