/** The pages of a login for another device (RFC 8628). */
import { html } from 'hono/html'
import { type Page, page } from './page-layout.ts'

interface EnterCodeView {
  action: string
  xsrf: string
  /** What was typed before, or came in the device's link. */
  userCode: string | undefined
  problem: 'unknown' | 'expired' | 'used' | 'missing' | 'stale' | undefined
  host: string
}

const PROBLEMS = {
  unknown: 'There is no such code. Check it against your device.',
  expired: 'That code has expired. Start the login again on your device.',
  used: 'That code was used already. Start the login again on your device.',
  missing: 'Type the code that your device shows.',
  stale: 'The page was open for too long, or twice. Try again.',
} as const

function renderEnterCode(view: EnterCodeView): Promise<Page> {
  const problem = view.problem && PROBLEMS[view.problem]
  return page({
    title: 'Log in a device',
    host: view.host,
    main: html`<h1>Log in a device</h1>
      <p class="lead">Type the code that your device or terminal shows.</p>
      ${problem === undefined ? '' : html`<p class="alert" role="alert" id="problem">${problem}</p>`}
      <form method="post" action="${view.action}">
        <input type="hidden" name="xsrf" value="${view.xsrf}" />
        <label for="user_code">Code</label>
        <input
          class="code"
          id="user_code"
          name="user_code"
          type="text"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck="false"
          maxlength="40"
          required
          value="${view.userCode ?? ''}"
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`}
          autofocus
        />
        <button class="primary" type="submit">Continue</button>
      </form>
      <p class="note">Never type a code that somebody sent you: it would log them in as you.</p>`,
  })
}

interface ConfirmCodeView {
  action: string
  xsrf: string
  userCode: string
  clientName: string
  address: string
  program: string
  host: string
}

function renderConfirmCode(view: ConfirmCodeView): Promise<Page> {
  return page({
    title: 'Is this your device?',
    host: view.host,
    main: html`<h1>Is this your device?</h1>
      <p class="lead">
        <strong>${view.clientName}</strong> asks to be logged in. Your device must show this code:
      </p>
      <p class="shown-code">${view.userCode}</p>
      <dl class="details">
        <dt>Requested from</dt>
        <dd>${view.address === '' ? 'an unknown address' : view.address}</dd>
        <dt>By</dt>
        <dd>${view.program === '' ? 'a program that does not name itself' : view.program}</dd>
      </dl>
      <form method="post" action="${view.action}" class="decide">
        <input type="hidden" name="xsrf" value="${view.xsrf}" />
        <input type="hidden" name="user_code" value="${view.userCode}" />
        <button class="primary" type="submit" name="confirm" value="yes">Continue</button>
        <button type="submit" name="abort" value="yes">Cancel</button>
      </form>
      <p class="note">Continue only if you have just started this login yourself.</p>`,
  })
}

function renderDeviceDone(view: { clientName: string; host: string }): Promise<Page> {
  return page({
    title: 'Your device is logged in',
    host: view.host,
    main: html`<h1>Your device is logged in</h1>
      <p class="lead">
        <strong>${view.clientName}</strong> continues by itself in a few seconds. You can close this page.
      </p>`,
  })
}

function renderDeviceDenied(view: { host: string }): Promise<Page> {
  return page({
    title: 'Nothing was authorized',
    host: view.host,
    main: html`<h1>Nothing was authorized</h1>
      <p class="lead">The device was told that the login was cancelled. You can close this page.</p>`,
  })
}

/** The four pages as the authorization server asks for them. @param host the server's own, shown on each */
export function devicePages(host: string) {
  return {
    enterCode: (view: Omit<EnterCodeView, 'host'>) => renderEnterCode({ ...view, host }),
    confirmCode: (view: Omit<ConfirmCodeView, 'host'>) => renderConfirmCode({ ...view, host }),
    done: (view: { clientName: string }) => renderDeviceDone({ ...view, host }),
    denied: () => renderDeviceDenied({ host }),
  }
}
